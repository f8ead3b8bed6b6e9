package server

import (
	"context"
	"crypto/x509"

	"google.golang.org/grpc/codes"

	"github.com/waybill-dev/waybill/api/anchor"
	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/api/proof"
	"github.com/waybill-dev/waybill/api/readmodel"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
)

// Prover gives proofs and tells how the organisations' roots stand; *anchor.Service is one.
type Prover interface {
	Prove(ctx context.Context, r anchor.Request) (proof.Proof, error)
	Consistency(ctx context.Context, from, to uint64, all bool) (proof.Proof, error)
	Standings(ctx context.Context) ([]anchor.Standing, *anchor.Agreement, error)
	Roots(ctx context.Context, below uint64, limit int) ([]anchor.RootStatus, error)
}

type proofService struct {
	*Server
	waybillv1.UnimplementedProofServiceServer
}

// Bounds of ListRoots.
const (
	defaultRoots = 20
	maxRoots     = 200
)

func (s *proofService) prover() (Prover, error) {
	if s.cfg.Prover == nil {
		return nil, refuse(codes.Unimplemented, "WB_PROOF_NONE", "this server gives no proofs; another of the organisation's may")
	}
	return s.cfg.Prover, nil
}

func (s *proofService) Prove(ctx context.Context, req *waybillv1.ProveRequest) (*waybillv1.ProveResponse, error) {
	prover, err := s.prover()
	if err != nil {
		return nil, err
	}
	if n := len(req.GetFacts()); n == 0 || n > proof.MaxLeaves {
		return nil, refuse(codes.InvalidArgument, codeArgument, "%d facts; from 1 to %d can be proven at once", n, proof.MaxLeaves)
	}
	keys := make([]string, len(req.GetFacts()))
	for i, f := range req.GetFacts() {
		if keys[i], err = factKey(f); err != nil {
			return nil, err
		}
	}
	p, err := prover.Prove(ctx, anchor.Request{Keys: keys, Height: req.GetHeight(), Bare: req.GetBare(), All: req.GetAllSignatures()})
	if err != nil {
		return nil, err
	}
	file, err := p.Encode()
	if err != nil {
		return nil, refuse(codes.ResourceExhausted, codeTooLarge, "%s", err)
	}
	answer := &waybillv1.ProveResponse{Proof: file, Root: rootOf(p.Roots[0].Root)}
	for _, signature := range p.Roots[0].Signatures {
		if c, err := x509.ParseCertificate(signature.Certificate); err == nil {
			answer.Signers = append(answer.Signers, c.Subject.String())
		}
	}
	return answer, nil
}

// factKey gives the key in the world state of the fact that is named.
func factKey(f *waybillv1.FactRef) (string, error) {
	hash := func(text string) (ledger.Digest, error) {
		h, err := epcis.ParseHash(text)
		return ledger.Digest(h), err
	}
	switch fact := f.GetFact().(type) {
	case *waybillv1.FactRef_Event:
		h, err := hash(fact.Event)
		return wire.EventKey(h), err
	case *waybillv1.FactRef_Restatement:
		h, err := hash(fact.Restatement.GetEvent())
		if err != nil {
			return "", err
		}
		body, err := ledger.ParseDigest(fact.Restatement.GetBodyDigest())
		return wire.RestatementKey(h, body), err
	case *waybillv1.FactRef_Segment:
		device, err := needed("the segment's device", fact.Segment.GetDevice())
		if err != nil {
			return "", err
		}
		return wire.SegmentKey(device, fact.Segment.GetSeq())
	case *waybillv1.FactRef_Verdict:
		shipment, err := needed("the verdict's shipment", fact.Verdict.GetShipment())
		if err != nil {
			return "", err
		}
		return wire.VerdictKey(shipment, fact.Verdict.GetWindow(), fact.Verdict.GetModel())
	case *waybillv1.FactRef_Final:
		shipment, err := needed("the final verdict's shipment", fact.Final.GetShipment())
		if err != nil {
			return "", err
		}
		return wire.FinalKey(shipment, fact.Final.GetWindow(), fact.Final.GetModel())
	case *waybillv1.FactRef_Finding:
		h, err := hash(fact.Finding.GetEvent())
		if err != nil {
			return "", err
		}
		item, err := canonical("the finding's item", fact.Finding.GetItem())
		if err != nil {
			return "", err
		}
		return wire.FindingKey(ledger.Finding{Event: h, Code: ledger.FindingCode(fact.Finding.GetCode()), Item: item})
	}
	return "", refuse(codes.InvalidArgument, codeArgument, "a fact that is not named")
}

func (s *proofService) ProveConsistency(ctx context.Context, req *waybillv1.ProveConsistencyRequest) (*waybillv1.ProveConsistencyResponse, error) {
	prover, err := s.prover()
	if err != nil {
		return nil, err
	}
	if req.GetFromHeight() == 0 || req.GetToHeight() > 0 && req.GetToHeight() < req.GetFromHeight() {
		return nil, refuse(codes.InvalidArgument, codeArgument, "from height %d to %d; the earlier is named first", req.GetFromHeight(), req.GetToHeight())
	}
	p, err := prover.Consistency(ctx, req.GetFromHeight(), req.GetToHeight(), req.GetAllSignatures())
	if err != nil {
		return nil, err
	}
	file, err := p.Encode()
	if err != nil {
		return nil, err
	}
	return &waybillv1.ProveConsistencyResponse{Proof: file, From: rootOf(p.Roots[0].Root), To: rootOf(p.Roots[1].Root)}, nil
}

func (s *proofService) ListRoots(ctx context.Context, req *waybillv1.ListRootsRequest) (*waybillv1.ListRootsResponse, error) {
	prover, err := s.prover()
	if err != nil {
		return nil, err
	}
	limit := int(req.GetLimit())
	if limit == 0 {
		limit = defaultRoots
	}
	standings, agreed, err := prover.Standings(ctx)
	if err != nil {
		return nil, err
	}
	heights, err := prover.Roots(ctx, req.GetBelowHeight(), min(limit, maxRoots))
	if err != nil {
		return nil, err
	}
	answer := &waybillv1.ListRootsResponse{}
	if agreed != nil {
		answer.Agreed = rootOf(agreed.Root)
	}
	for _, o := range standings {
		answer.Organisations = append(answer.Organisations, &waybillv1.OrganisationRoots{
			Organisation: o.MSPID, Standing: standing(o.State), Why: o.Why, Last: anchoredRoot(o.Last),
			BehindBlocks: o.BehindBlocks, BehindLeaves: o.BehindLeaves, FalseRoots: uint32(o.FalseRoots), LastFalse: anchoredRoot(o.LastFalse), Since: since(o.Since), //nolint:gosec // a small number
		})
	}
	for _, h := range heights {
		row := &waybillv1.RootHeight{Height: h.Height, Agreed: h.Agreed}
		if h.Own != nil {
			row.Own = rootOf(*h.Own)
		}
		for i := range h.Anchors {
			row.Anchors = append(row.Anchors, anchoredRoot(&h.Anchors[i]))
		}
		answer.Heights = append(answer.Heights, row)
	}
	return answer, nil
}

func rootOf(r ledger.Root) *waybillv1.Root {
	return &waybillv1.Root{Height: r.Height, Size: r.Size, Hash: r.Hash.String(), BlockHash: r.Block.String()}
}

func anchoredRoot(a *readmodel.Anchored) *waybillv1.AnchoredRoot {
	if a == nil {
		return nil
	}
	return &waybillv1.AnchoredRoot{
		Organisation: a.MSPID, Root: rootOf(a.Root), Agrees: a.Agrees(), SignedAt: timestamp(a.Signed.At), TransactionId: a.TxID, Block: a.Block,
	}
}

func standing(s anchor.State) waybillv1.Standing {
	switch s {
	case anchor.Agrees:
		return waybillv1.Standing_STANDING_AGREES
	case anchor.Differs:
		return waybillv1.Standing_STANDING_DIFFERS
	case anchor.Late:
		return waybillv1.Standing_STANDING_LATE
	case anchor.Absent:
		return waybillv1.Standing_STANDING_ABSENT
	case anchor.Nothing:
	}
	return waybillv1.Standing_STANDING_UNSPECIFIED
}
