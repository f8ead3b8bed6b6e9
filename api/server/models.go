package server

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/api/readmodel"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

type modelService struct {
	*Server
	waybillv1.UnimplementedModelServiceServer
}

// reading collects the first fault of arguments that are read one after another.
type reading struct{ err error }

func (r *reading) digest(what, text string) ledger.Digest {
	d, err := digestOf(what, text)
	if r.err == nil {
		r.err = err
	}
	return d
}

func (r *reading) model(text string) ledger.ModelRef {
	ref, err := ledger.ParseModelRef(text)
	if err != nil && r.err == nil {
		r.err = bad(err)
	}
	return ref
}

func (r *reading) dataset(in *waybillv1.DatasetRef) ledger.DatasetRef {
	id, version, err := ledger.ParseDatasetName(in.GetName())
	if err != nil && r.err == nil {
		r.err = bad(err)
	}
	return ledger.DatasetRef{ID: id, Version: version, Root: r.digest("root", in.GetRoot())}
}

func metricsOf(in []*waybillv1.Metric) []ledger.Metric {
	var out []ledger.Metric
	for _, m := range in {
		out = append(out, ledger.Metric{Name: m.GetName(), Value: m.GetValue(), Count: m.GetCount()})
	}
	slices.SortStableFunc(out, func(a, b ledger.Metric) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

func metricTexts(in []ledger.Metric) []*waybillv1.Metric {
	var out []*waybillv1.Metric
	for _, m := range in {
		out = append(out, &waybillv1.Metric{Name: m.Name, Value: m.Value, Count: m.Count})
	}
	return out
}

func (s *modelService) StoreChunks(ctx context.Context, req *waybillv1.StoreChunksRequest) (*waybillv1.StoreChunksResponse, error) {
	results, err := put(ctx, s.Server, "chunks", req.GetChunks(), s.cfg.Governor.Chunks)
	return &waybillv1.StoreChunksResponse{Results: results}, err
}

func (s *modelService) SnapshotDatasets(ctx context.Context, req *waybillv1.SnapshotDatasetsRequest) (*waybillv1.SnapshotDatasetsResponse, error) {
	var r reading
	batch := make([]ledger.DatasetSnapshot, len(req.GetDatasets()))
	for i, d := range req.GetDatasets() {
		batch[i] = ledger.DatasetSnapshot{
			ID: d.GetId(), Version: d.GetVersion(), Root: r.digest("root", d.GetRoot()), Events: d.GetEvents(), Segments: d.GetSegments(), Bytes: d.GetBytes(),
			From: d.GetFrom(), To: d.GetTo(), Block: r.digest("block", d.GetBlock()), Query: d.GetQuery(), Schema: d.GetSchema(),
			Features: r.digest("features", d.GetFeatures()), Licence: d.GetLicence(), About: d.GetAbout(),
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	results, err := put(ctx, s.Server, "data sets", batch, s.cfg.Governor.Datasets)
	return &waybillv1.SnapshotDatasetsResponse{Results: results}, err
}

// versionOf reads a version, its lists in the ledger's order. What is wrong with it the ledger says.
func (r *reading) versionOf(in *waybillv1.ModelVersion) ledger.ModelVersion {
	ref := r.model(in.GetName())
	m := ledger.ModelVersion{
		ID: ref.ID, Version: ref.Version, Artefact: r.digest("artefact", in.GetArtefact()), Size: in.GetSize(), Format: in.GetFormat(),
		Features: r.digest("features", in.GetFeatures()), Seed: in.GetSeed(), Thresholds: metricsOf(in.GetThresholds()), Products: sorted(in.GetProducts()),
		IntendedUse: in.GetIntendedUse(), Limitations: in.GetLimitations(), Licence: in.GetLicence(),
		Code: ledger.TrainingCode{
			Module: in.GetCode().GetModule(), Revision: in.GetCode().GetRevision(), Source: r.digest("source", in.GetCode().GetSource()),
			Go: in.GetCode().GetGo(), Platform: in.GetCode().GetPlatform(), Command: in.GetCode().GetCommand(),
		},
	}
	for _, text := range in.GetChunks() {
		m.Chunks = append(m.Chunks, r.digest("chunk", text))
	}
	for _, d := range in.GetTraining() {
		m.Training = append(m.Training, r.dataset(d))
	}
	for _, line := range in.GetCode().GetSums() {
		fields := strings.Fields(line)
		if len(fields) != 3 {
			r.err = cmp.Or(r.err, refuse(codes.InvalidArgument, ledger.CodeSchema, "the sum of a module is \"path version h1:…\", not %.100q", line))
			continue
		}
		m.Code.Sums = append(m.Code.Sums, ledger.ModuleSum{Path: fields[0], Version: fields[1], Sum: fields[2]})
	}
	slices.SortStableFunc(m.Code.Sums, func(a, b ledger.ModuleSum) int { return cmp.Compare(a.Path, b.Path) })
	for name, value := range in.GetParameters() {
		m.Parameters = append(m.Parameters, ledger.Hyperparameter{Name: name, Value: value})
	}
	slices.SortFunc(m.Parameters, func(a, b ledger.Hyperparameter) int { return cmp.Compare(a.Name, b.Name) })
	if in.GetParent() != "" {
		parent := r.model(in.GetParent())
		m.Parent = &parent
	}
	return m
}

func versionText(m ledger.ModelVersion) *waybillv1.ModelVersion {
	out := &waybillv1.ModelVersion{
		Name: m.Ref().String(), Artefact: m.Artefact.String(), Size: m.Size, Format: m.Format, Features: m.Features.String(), Seed: m.Seed,
		Thresholds: metricTexts(m.Thresholds), Products: m.Products, IntendedUse: m.IntendedUse, Limitations: m.Limitations, Licence: m.Licence,
		Code: &waybillv1.TrainingCode{
			Module: m.Code.Module, Revision: m.Code.Revision, Source: m.Code.Source.String(), Go: m.Code.Go, Platform: m.Code.Platform, Command: m.Code.Command,
		},
		MspId: m.MSPID, At: since(m.At), TransactionId: m.TxID,
	}
	for _, d := range m.Chunks {
		out.Chunks = append(out.Chunks, d.String())
	}
	for _, d := range m.Training {
		out.Training = append(out.Training, datasetRef(d))
	}
	for _, sum := range m.Code.Sums {
		out.Code.Sums = append(out.Code.Sums, sum.Path+" "+sum.Version+" "+sum.Sum)
	}
	if len(m.Parameters) > 0 {
		out.Parameters = map[string]string{}
	}
	for _, p := range m.Parameters {
		out.Parameters[p.Name] = p.Value
	}
	if m.Parent != nil {
		out.Parent = m.Parent.String()
	}
	return out
}

func datasetRef(d ledger.DatasetRef) *waybillv1.DatasetRef {
	return &waybillv1.DatasetRef{Name: ledger.ModelRef{ID: d.ID, Version: d.Version}.String(), Root: d.Root.String()}
}

func (s *modelService) SubmitModels(ctx context.Context, req *waybillv1.SubmitModelsRequest) (*waybillv1.SubmitModelsResponse, error) {
	var r reading
	batch := make([]ledger.ModelVersion, len(req.GetModels()))
	for i, in := range req.GetModels() {
		batch[i] = r.versionOf(in)
	}
	if r.err != nil {
		return nil, r.err
	}
	results, err := put(ctx, s.Server, "models", batch, s.cfg.Governor.Models)
	return &waybillv1.SubmitModelsResponse{Results: results}, err
}

func (s *modelService) EvaluateModels(ctx context.Context, req *waybillv1.EvaluateModelsRequest) (*waybillv1.EvaluateModelsResponse, error) {
	var r reading
	batch := make([]ledger.Evaluation, len(req.GetEvaluations()))
	for i, in := range req.GetEvaluations() {
		batch[i] = ledger.Evaluation{Model: r.model(in.GetModel()), Dataset: r.dataset(in.GetDataset()), Metrics: metricsOf(in.GetMetrics()), Report: r.digest("report", in.GetReport())}
	}
	if r.err != nil {
		return nil, r.err
	}
	results, err := put(ctx, s.Server, "evaluations", batch, s.cfg.Governor.Evaluations)
	return &waybillv1.EvaluateModelsResponse{Results: results}, err
}

func (r *reading) motionOf(in *waybillv1.ModelMotion) (m ledger.ModelMotion) {
	switch o := in.GetMotion().(type) {
	case *waybillv1.ModelMotion_Policy:
		m.Policy = &ledger.ModelPolicy{Version: o.Policy.GetVersion(), Approvals: o.Policy.GetApprovals()}
		for _, g := range o.Policy.GetGates() {
			m.Policy.Gates = append(m.Policy.Gates, ledger.Gate{Metric: g.GetMetric(), AtLeast: g.AtLeast, AtMost: g.AtMost, Count: g.GetCount()})
		}
		slices.SortStableFunc(m.Policy.Gates, func(a, b ledger.Gate) int { return cmp.Compare(a.Metric, b.Metric) })
	case *waybillv1.ModelMotion_Approve:
		ref := r.model(o.Approve.GetModel())
		m.Approve = &ledger.ApproveModel{Model: ref, Evaluation: ledger.EvaluationRef{Model: ref, MSPID: o.Approve.GetEvaluator(), Dataset: o.Approve.GetDataset()}}
	case *waybillv1.ModelMotion_Promote:
		m.Promote = &ledger.PromoteModel{Model: r.model(o.Promote.GetModel()), Class: o.Promote.GetClass()}
	case *waybillv1.ModelMotion_Rollback:
		m.Rollback = &ledger.RollbackAlias{Class: o.Rollback.GetClass(), From: r.model(o.Rollback.GetFrom())}
	case *waybillv1.ModelMotion_Deprecate:
		m.Deprecate = &ledger.DeprecateModel{Model: r.model(o.Deprecate)}
	case *waybillv1.ModelMotion_Revoke:
		m.Revoke = &ledger.RevokeModel{Model: r.model(o.Revoke.GetModel()), Reason: o.Revoke.GetReason()}
	}
	return m
}

func (s *modelService) GovernModels(ctx context.Context, req *waybillv1.GovernModelsRequest) (*waybillv1.GovernModelsResponse, error) {
	var r reading
	batch := make([]ledger.ModelMotion, len(req.GetMotions()))
	for i, in := range req.GetMotions() {
		batch[i] = r.motionOf(in)
	}
	if r.err != nil {
		return nil, r.err
	}
	results, err := put(ctx, s.Server, "model motions", batch, s.cfg.Governor.ModelMotions)
	return &waybillv1.GovernModelsResponse{Results: results}, err
}

func (s *modelService) ListDatasets(ctx context.Context, req *waybillv1.ListDatasetsRequest) (*waybillv1.ListDatasetsResponse, error) {
	answer := &waybillv1.ListDatasetsResponse{}
	next, err := governedPage(ctx, s.cfg.Books, req, readmodel.RecordFilter{Kind: wire.KindDataset, ID: req.GetId()}, func(d ledger.DatasetSnapshot) error {
		answer.Datasets = append(answer.Datasets, &waybillv1.DatasetSnapshot{
			Id: d.ID, Version: d.Version, Root: d.Root.String(), Events: d.Events, Segments: d.Segments, Bytes: d.Bytes, From: d.From, To: d.To,
			Block: d.Block.String(), Query: d.Query, Schema: d.Schema, Features: d.Features.String(), Licence: d.Licence, About: d.About,
			MspId: d.MSPID, At: since(d.At), TransactionId: d.TxID,
		})
		return nil
	})
	answer.NextPageToken = next
	return answer, err
}

// standing tells a version and how it stands.
func (s *modelService) standing(ctx context.Context, m ledger.ModelVersion) (*waybillv1.StoredModel, error) {
	f := readmodel.RecordFilter{Kind: wire.KindModelStatus, ID: m.ID, Sub: readmodel.Numbered(m.Version)}
	status, err := lastGoverned[ledger.ModelStatus](ctx, s.cfg.Books, f)
	if err == nil && status == nil {
		err = notFound("the standing of %s", m.Ref())
	}
	if err != nil {
		return nil, err
	}
	f.Kind = wire.KindRevocation
	revocation, err := lastGoverned[ledger.Revocation](ctx, s.cfg.Books, f)
	if err != nil {
		return nil, err
	}
	out := &waybillv1.ModelStatus{
		State: status.State.String(), Serving: status.Serving, Approvers: status.Approvers, ChangedBy: status.ChangedBy, ChangedAt: since(status.ChangedAt),
	}
	if revocation != nil {
		out.State, out.Revoked, out.ChangedBy, out.ChangedAt = ledger.ModelRevoked.String(), revocation.Reason, revocation.MSPID, since(revocation.At)
	}
	return &waybillv1.StoredModel{Model: versionText(m), Status: out}, nil
}

func (s *modelService) ListModels(ctx context.Context, req *waybillv1.ListModelsRequest) (*waybillv1.ListModelsResponse, error) {
	answer := &waybillv1.ListModelsResponse{}
	next, err := governedPage(ctx, s.cfg.Books, req, readmodel.RecordFilter{Kind: wire.KindModel, ID: req.GetId()}, func(m ledger.ModelVersion) error {
		stored, err := s.standing(ctx, m)
		answer.Models = append(answer.Models, stored)
		return err
	})
	answer.NextPageToken = next
	return answer, err
}

// version finds the version that a request names.
func (s *modelService) version(ctx context.Context, name string) (ledger.ModelVersion, error) {
	ref, err := ledger.ParseModelRef(name)
	if err != nil {
		return ledger.ModelVersion{}, bad(err)
	}
	found, err := lastGoverned[ledger.ModelVersion](ctx, s.cfg.Books, readmodel.RecordFilter{Kind: wire.KindModel, ID: ref.ID, Sub: readmodel.Numbered(ref.Version)})
	if err == nil && found == nil {
		err = notFound("model %s", ref)
	}
	if err != nil {
		return ledger.ModelVersion{}, err
	}
	return *found, nil
}

func (s *modelService) GetModel(ctx context.Context, req *waybillv1.GetModelRequest) (*waybillv1.GetModelResponse, error) {
	m, err := s.version(ctx, req.GetName())
	if err != nil {
		return nil, err
	}
	answer := &waybillv1.GetModelResponse{}
	if answer.Model, err = s.standing(ctx, m); err != nil {
		return nil, err
	}
	evaluations, err := allGoverned[ledger.Evaluation](ctx, s.cfg.Books, readmodel.RecordFilter{Kind: wire.KindEvaluation, ID: m.Ref().String()})
	if err != nil {
		return nil, err
	}
	for _, e := range evaluations {
		answer.Evaluations = append(answer.Evaluations, &waybillv1.ModelEvaluation{
			Model: e.Model.String(), Dataset: datasetRef(e.Dataset), Metrics: metricTexts(e.Metrics), Report: hexadecimal(e.Report),
			MspId: e.MSPID, At: since(e.At), TransactionId: e.TxID,
		})
	}
	approvals, err := allGoverned[ledger.Approval](ctx, s.cfg.Books, readmodel.RecordFilter{Kind: wire.KindApproval, ID: m.Ref().String()})
	if err != nil {
		return nil, err
	}
	for _, a := range approvals {
		answer.Approvals = append(answer.Approvals, &waybillv1.ModelApproval{
			MspId: a.MSPID, By: a.By, Evaluator: a.Evaluation.MSPID, Dataset: a.Evaluation.Dataset, At: since(a.At), TransactionId: a.TxID,
		})
	}
	return answer, nil
}

func (s *modelService) GetArtefact(req *waybillv1.GetArtefactRequest, stream grpc.ServerStreamingServer[waybillv1.GetArtefactResponse]) error {
	ctx := stream.Context()
	m, err := s.version(ctx, req.GetName())
	if err != nil {
		return err
	}
	for _, digest := range m.Chunks {
		chunk, err := lastGoverned[wire.StoredChunk](ctx, s.cfg.Books, readmodel.RecordFilter{Kind: wire.KindChunk, ID: digest.String()})
		if err == nil && chunk == nil {
			err = notFound("chunk %s of %s", digest, m.Ref())
		}
		if err != nil {
			return err
		}
		if err := stream.Send(&waybillv1.GetArtefactResponse{Chunk: chunk.Bytes}); err != nil {
			return err
		}
	}
	return nil
}

func (s *modelService) ListAliases(ctx context.Context, req *waybillv1.ListAliasesRequest) (*waybillv1.ListAliasesResponse, error) {
	answer := &waybillv1.ListAliasesResponse{}
	f := readmodel.RecordFilter{Kind: wire.KindAlias, ID: req.GetClass(), Latest: !req.GetAllGenerations()}
	next, err := governedPage(ctx, s.cfg.Books, req, f, func(a ledger.Alias) error {
		answer.Aliases = append(answer.Aliases, &waybillv1.ModelAlias{
			Class: a.Class, Generation: a.Generation, Model: a.Model.String(), Artefact: a.Artefact.String(), Rollback: a.Rollback,
			MspId: a.MSPID, At: since(a.At), TransactionId: a.TxID,
		})
		return nil
	})
	answer.NextPageToken = next
	return answer, err
}

func (s *modelService) GetModelPolicy(ctx context.Context, _ *waybillv1.GetModelPolicyRequest) (*waybillv1.GetModelPolicyResponse, error) {
	policy, err := lastGoverned[ledger.ModelPolicy](ctx, s.cfg.Books, readmodel.RecordFilter{Kind: wire.KindModelPolicy})
	if err != nil || policy == nil {
		return &waybillv1.GetModelPolicyResponse{}, err
	}
	out := &waybillv1.ModelPolicy{Version: policy.Version, Approvals: policy.Approvals, Votes: policy.Votes, At: since(policy.At)}
	for _, g := range policy.Gates {
		out.Gates = append(out.Gates, &waybillv1.Gate{Metric: g.Metric, AtLeast: g.AtLeast, AtMost: g.AtMost, Count: g.Count})
	}
	return &waybillv1.GetModelPolicyResponse{Policy: out}, nil
}
