package server

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/api/readmodel"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

type policyService struct {
	*Server
	waybillv1.UnimplementedPolicyServiceServer
}

func (p *policyService) SetPolicies(ctx context.Context, req *waybillv1.SetPoliciesRequest) (*waybillv1.SetPoliciesResponse, error) {
	if err := tooMany("policies", len(req.GetPolicies()), p.limits.Inputs); err != nil {
		return nil, err
	}
	batch := make([]ledger.Policy, len(req.GetPolicies()))
	for i, in := range req.GetPolicies() {
		batch[i] = policyOf(in)
	}
	answer := &waybillv1.SetPoliciesResponse{}
	if len(batch) == 0 {
		return answer, nil
	}
	outcomes, err := p.cfg.Recorder.Policies(ctx, batch)
	if err = answersFit(len(outcomes), len(batch), err); err != nil {
		return nil, err
	}
	var block uint64
	for i, o := range outcomes {
		status, code, message, err := answerOf(o)
		if err != nil {
			return nil, err
		}
		r := &waybillv1.PolicyResult{Index: uint64(i), Status: status, Id: batch[i].ID, Version: batch[i].Version, Code: code, Message: message}
		r.TransactionId, r.Block = provenance(o)
		answer.Results = append(answer.Results, r)
		block = max(block, o.Block)
		p.metrics.answered("policy", status)
	}
	p.readable(ctx, block)
	return answer, nil
}

func (p *policyService) ListPolicies(ctx context.Context, req *waybillv1.ListPoliciesRequest) (*waybillv1.ListPoliciesResponse, error) {
	limit, scope, place, err := page(req)
	if err != nil {
		return nil, err
	}
	var after readmodel.PolicyKey
	if place != nil {
		const versionBytes = 4
		if len(place) < versionBytes {
			return nil, errToken()
		}
		after = readmodel.PolicyKey{Version: binary.BigEndian.Uint32(place), ID: string(place[versionBytes:])}
	}
	found, err := p.cfg.Reader.Policies(ctx, req.GetId(), req.GetAllVersions(), after, limit+1)
	if err != nil {
		return nil, err
	}
	answer := &waybillv1.ListPoliciesResponse{}
	for i, row := range found {
		if i == limit {
			last := found[i-1]
			answer.NextPageToken = token(scope, append(binary.BigEndian.AppendUint32(nil, last.Version), last.ID...))
			break
		}
		answer.Policies = append(answer.Policies, policy(row))
	}
	return answer, nil
}

type adminService struct {
	*Server
	waybillv1.UnimplementedAdminServiceServer
}

// askHeight bounds the question for the ledger's height: a status is also wanted while no peer answers.
const askHeight = 3 * time.Second

func (a *adminService) GetStatus(ctx context.Context, _ *waybillv1.GetStatusRequest) (*waybillv1.GetStatusResponse, error) {
	totals, at, err := a.cfg.Reader.Totals(ctx)
	if err != nil {
		return nil, err
	}
	about := a.cfg.About
	answer := &waybillv1.GetStatusResponse{
		Version: about.Version, Organisation: about.Organisation, MspId: about.MSPID, Network: about.Network, Channel: about.Channel, Chaincode: about.Chaincode,
		ReadHeight: at.Height, StartedAt: timestamppb.New(a.started), SchemaVersion: uint32(a.cfg.Reader.SchemaVersion()), //nolint:gosec // a small number
		Totals: &waybillv1.Totals{
			Events: totals.Events, Restatements: totals.Restatements, Items: totals.Items, Findings: totals.Findings, Devices: totals.Devices,
			Segments: totals.Segments, Readings: totals.Readings, Policies: totals.Policies, Verdicts: totals.Verdicts, Shipments: totals.Shipments,
		},
	}
	if at.Height > 0 {
		answer.ReadHash = hex.EncodeToString(at.Hash[:])
	}
	if a.cfg.Height == nil {
		return answer, nil
	}
	ask, cancel := context.WithTimeout(ctx, askHeight)
	defer cancel()
	height, err := a.cfg.Height(ask)
	if err != nil {
		st, _ := tell(err)
		answer.LedgerError = st.Message()
		a.log.WarnContext(ctx, "the ledger's height is not known", "error", err)
		return answer, nil
	}
	answer.LedgerHeight = height
	answer.Lag = height - min(height, at.Height)
	return answer, nil
}
