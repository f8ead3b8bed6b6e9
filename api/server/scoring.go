package server

import (
	"context"
	"encoding/json"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/api/readmodel"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// Tasks answers questions about scoring by several organisations; api/readmodel implements it.
type Tasks interface {
	Tasks(ctx context.Context, f readmodel.TaskFilter, page readmodel.Page) (readmodel.Rows[readmodel.Task], error)
	ChangedTasks(ctx context.Context, f readmodel.TaskFilter, page readmodel.Page) (readmodel.Rows[readmodel.Task], error)
	Task(ctx context.Context, id ledger.Digest) (readmodel.Task, error)
	Finals(ctx context.Context, shipment string, window *uint32, after *readmodel.FinalKey, limit int) ([]readmodel.Final, error)
	Final(ctx context.Context, shipment string, window uint32, model string) (readmodel.Final, error)
	Resting(ctx context.Context, model string, after *readmodel.RestingKey, limit int) ([]readmodel.RestingVerdict, error)
	ScoringEntries(ctx context.Context, f readmodel.EntryFilter, after *readmodel.EntryKey, newest bool, limit int) ([]readmodel.ScoringEntry, error)
	ScoringSums(ctx context.Context, account ledger.Digest) (readmodel.ScoringSums, error)
}

type scoringService struct {
	*Server
	waybillv1.UnimplementedScoringServiceServer
}

func taskFilter(f *waybillv1.TaskFilter) (out readmodel.TaskFilter, err error) {
	if out.Shipment, err = canonical("the filter's shipment", f.GetShipment()); err != nil {
		return out, err
	}
	if f.GetPhase() < 0 || f.GetPhase() > waybillv1.TaskPhase_TASK_PHASE_VOID {
		return out, refuse(codes.InvalidArgument, codeArgument, "there is no phase %d", f.GetPhase())
	}
	out.Phase = ledger.TaskPhase(f.GetPhase()) //nolint:gosec // one of those that there are
	if f != nil {
		out.Window, out.Claimed = f.Window, f.Claimed
	}
	out.Scorer, err = optionalDigest("the filter's scorer", f.GetScorer())
	return out, err
}

func taskAnswer(a *ledger.TaskAnswer) *waybillv1.TaskAnswer {
	if a == nil {
		return nil
	}
	return &waybillv1.TaskAnswer{
		Model: a.Model, Level: level(a.Level), ScoreMillionths: a.Score, PValueMillionths: a.PValue,
		TraceDigest: hexadecimal(a.Trace), VerdictDigest: hexadecimal(a.Verdict),
	}
}

func scoringTask(t readmodel.Task) *waybillv1.ScoringTask {
	k, s := t.Task, t.Task.Statement
	out := &waybillv1.ScoringTask{
		Id: k.ID.String(), Phase: waybillv1.TaskPhase(t.Phase()), Shipment: s.Shipment, Window: s.Window, Begins: s.Begins, Model: s.Model,
		InputsDigest: hexadecimal(s.Inputs), Policy: k.Policy, Weight: uint64(k.Weight), Readings: k.Readings,
		ReferenceCount: uint32(len(s.References)), CommitBy: since(k.CommitBy), OpenedBy: k.By.String(), OpenedAt: since(k.At), TransactionId: k.TxID, //nolint:gosec // at most MaxTaskReferences
		Committed: uint32(len(t.Commitments)), Revealed: uint32(len(t.Reveals)), Opened: position(t.Opened), Changed: position(t.Changed), //nolint:gosec // at most MaxScorers
	}
	for _, seat := range k.Panel {
		out.Panel = append(out.Panel, &waybillv1.Seat{Account: seat.Account.String(), MspId: seat.MSPID, Weight: uint64(seat.Weight)})
	}
	for _, c := range t.Claims {
		out.Claims++
		if c.Open() {
			out.OpenClaims++
		}
	}
	if t.Provisional != nil {
		out.Answer = taskAnswer(&t.Provisional.Answer)
	}
	if t.Settlement != nil {
		out.Answer, out.SettledBy = taskAnswer(t.Settlement.Answer), t.Settlement.By.String()
	}
	return out
}

func (s *scoringService) ListTasks(ctx context.Context, req *waybillv1.ListTasksRequest) (*waybillv1.ListTasksResponse, error) {
	filter, err := taskFilter(req.GetFilter())
	if err != nil {
		return nil, err
	}
	rows, next, err := listed(ctx, req, req.GetNewestFirst(), listing[readmodel.Task, *waybillv1.ScoringTask]{
		ask: func(ctx context.Context, page readmodel.Page) (readmodel.Rows[readmodel.Task], error) {
			return s.cfg.Tasks.Tasks(ctx, filter, page)
		},
		position: func(t readmodel.Task) readmodel.Position { return t.Opened },
		message:  scoringTask,
	})
	if err != nil {
		return nil, err
	}
	return &waybillv1.ListTasksResponse{Tasks: rows, NextPageToken: next}, nil
}

func (s *scoringService) WatchTasks(req *waybillv1.WatchTasksRequest, stream grpc.ServerStreamingServer[waybillv1.WatchTasksResponse]) error {
	filter, err := taskFilter(req.GetFilter())
	if err != nil {
		return err
	}
	return watch(stream.Context(), s.Server, req, watcher[readmodel.Task]{
		ask: func(ctx context.Context, page readmodel.Page) (readmodel.Rows[readmodel.Task], error) {
			return s.cfg.Tasks.ChangedTasks(ctx, filter, page)
		},
		position: func(t readmodel.Task) readmodel.Position { return t.Changed },
		send: func(t *readmodel.Task, at *waybillv1.Position) error {
			answer := &waybillv1.WatchTasksResponse{Position: at}
			if t != nil {
				answer.Task = scoringTask(*t)
			}
			return stream.Send(answer)
		},
	})
}

// neededDigest reads a digest that a request must name.
func neededDigest(what, text string) (ledger.Digest, error) {
	if text == "" {
		return ledger.Digest{}, refuse(codes.InvalidArgument, codeArgument, "%s is missing", what)
	}
	return digestOf(what, text)
}

func taskReference(r ledger.Reference) *waybillv1.TaskReference {
	out := &waybillv1.TaskReference{Id: r.ID, First: r.First, Last: r.Last, Digest: hexadecimal(r.Digest)}
	switch r.Kind {
	case ledger.RefPolicy:
		out.Kind = "policy"
	case ledger.RefEvent:
		out.Kind = "event"
	case ledger.RefSegments:
		out.Kind = "segments"
	case ledger.RefFinding:
		out.Kind = "finding"
	case ledger.RefClosed:
		out.Kind = "closed"
	case ledger.RefWithdrawn:
		out.Kind = "withdrawn"
	case ledger.RefElsewhere:
		out.Kind = "elsewhere"
	}
	if f := r.Finding; f != nil {
		out.Digest, out.Code, out.Item = f.Event.String(), string(f.Code), f.Item
	}
	return out
}

func digestTexts(in []ledger.Digest) []string {
	var out []string
	for _, d := range in {
		out = append(out, d.String())
	}
	return out
}

// maxTaskEntries bounds the entries that come with a task: a panel's rewards, slashes and outcomes.
const maxTaskEntries = 1_000

func (s *scoringService) GetTask(ctx context.Context, req *waybillv1.GetTaskRequest) (*waybillv1.GetTaskResponse, error) {
	id, err := neededDigest("task", req.GetId())
	if err != nil {
		return nil, err
	}
	t, err := s.cfg.Tasks.Task(ctx, id)
	if err != nil {
		return nil, err
	}
	answer := &waybillv1.GetTaskResponse{Task: scoringTask(t)}
	for _, r := range t.Task.Statement.References {
		answer.References = append(answer.References, taskReference(r))
	}
	for _, c := range t.Commitments {
		answer.Commitments = append(answer.Commitments, &waybillv1.TaskCommitment{Account: c.Account.String(), Commitment: c.Commitment.String(), At: since(c.At), TransactionId: c.TxID})
	}
	if c := t.Closing; c != nil {
		answer.Closing = &waybillv1.TaskClosing{Committed: digestTexts(c.Committed), Weight: uint64(c.Weight), RevealBy: since(c.RevealBy), At: since(c.At), TransactionId: c.TxID}
	}
	for _, r := range t.Reveals {
		answer.Reveals = append(answer.Reveals, &waybillv1.TaskReveal{Account: r.Account.String(), Answer: taskAnswer(&r.Answer), Nonce: r.Nonce.String(), At: since(r.At), TransactionId: r.TxID})
	}
	if p := t.Provisional; p != nil {
		answer.Provisional = &waybillv1.TaskProvisional{
			Answer: taskAnswer(&p.Answer), Weight: uint64(p.Weight), Revealed: uint64(p.Of), By: settledText(p.By), Prover: hexOf(p.Prover), At: since(p.At), TransactionId: p.TxID,
		}
	}
	if e := t.Settlement; e != nil {
		answer.Settlement = &waybillv1.TaskSettlement{
			By: e.By.String(), Answer: taskAnswer(e.Answer), Drawn: e.Drawn, Right: digestTexts(e.Right), Wrong: digestTexts(e.Wrong), Prover: hexOf(e.Prover),
			MspId: e.MSPID, At: since(e.At), TransactionId: e.TxID,
		}
		answer.Settlement.Blend = taskBlend(e.Blend)
	}
	if i := t.Inspection; i != nil {
		answer.Inspection = &waybillv1.TaskInspection{EventHash: eventHash(i.Event), Spoiled: i.Spoiled, MspId: i.MSPID, At: since(i.At), TransactionId: i.TxID}
		for _, l := range i.Losses {
			answer.Inspection.Losses = append(answer.Inspection.Losses, &waybillv1.InspectionLoss{Account: l.Account.String(), BrierMillionths: l.Brier})
		}
	}
	for _, c := range t.Claims {
		answer.Claims = append(answer.Claims, taskClaim(c))
	}
	entries, err := s.cfg.Tasks.ScoringEntries(ctx, readmodel.EntryFilter{Task: &id}, nil, false, maxTaskEntries)
	for _, e := range entries {
		answer.Entries = append(answer.Entries, scoringEntry(e))
	}
	return answer, err
}

func taskClaim(c ledger.Claim) *waybillv1.TaskClaim {
	out := &waybillv1.TaskClaim{
		Account: c.Account.String(), Omitted: taskReference(c.Omitted), Before: c.Before, Segment: c.Segment, RefuteBy: since(c.RefuteBy), At: since(c.At), TransactionId: c.TxID,
	}
	if r := c.Refuted; r != nil {
		out.Refutation = &waybillv1.ClaimRefutation{
			Account: r.Account.String(), Reference: r.Reference, Segment: r.Segment, Height: r.Height, At: since(r.At), TransactionId: r.TxID,
		}
	}
	return out
}

func taskBlend(b *ledger.Blend) *waybillv1.TaskBlend {
	if b == nil {
		return nil
	}
	return &waybillv1.TaskBlend{Level: level(b.Level), ScoreMillionths: b.Score, LowMillionths: b.Low, HighMillionths: b.High, Count: b.Count}
}

// settledText names how a task was settled; "" where it was not.
func settledText(by ledger.SettledBy) string {
	if by == 0 {
		return ""
	}
	return by.String()
}

func scoringEntry(e readmodel.ScoringEntry) *waybillv1.ScoringEntry {
	return &waybillv1.ScoringEntry{
		Kind: waybillv1.ScoringEntryKind(e.Kind), Account: e.Account, MspId: e.MSPID, Amount: uint64(e.Amount), Bonded: uint64(e.Bonded), Task: e.Task,
		Cause: e.Cause, BrierMillionths: e.Brier, At: since(e.At), TransactionId: e.TxID, Block: e.Block,
	}
}

func (s *scoringService) scorer(ctx context.Context, r ledger.Scorer) (*waybillv1.Scorer, error) {
	out := &waybillv1.Scorer{Account: r.Account.String(), MspId: r.MSPID, Active: r.Active, Since: since(r.Since), TransactionId: r.TxID}
	held, err := lastGoverned[ledger.Stake](ctx, s.cfg.Books, readmodel.RecordFilter{Kind: wire.KindStake, ID: r.Account.String()})
	if err != nil {
		return nil, err
	}
	out.Stake = stake(held)
	sums, err := s.cfg.Tasks.ScoringSums(ctx, r.Account)
	if err != nil {
		return nil, err
	}
	rep := sums.Reputation
	out.Rewarded, out.Found, out.Slashed, out.Tasks = uint64(sums.Rewarded), uint64(sums.Found), uint64(sums.Slashed), sums.Tasks
	out.Reputation = &waybillv1.Reputation{
		Right: rep.Right, Wrong: rep.Wrong, Other: rep.Other, Silent: rep.Silent, Inspections: rep.Truths, BrierMillionths: rep.Brier, ScoreMillionths: rep.Score(),
	}
	return out, nil
}

func (s *scoringService) ListScorers(ctx context.Context, req *waybillv1.ListScorersRequest) (*waybillv1.ListScorersResponse, error) {
	answer := &waybillv1.ListScorersResponse{}
	next, err := governedPage(ctx, s.cfg.Books, req, readmodel.RecordFilter{Kind: wire.KindScorer, Owner: req.GetMspId()}, func(r ledger.Scorer) error {
		told, err := s.scorer(ctx, r)
		answer.Scorers = append(answer.Scorers, told)
		return err
	})
	answer.NextPageToken = next
	return answer, err
}

// maxScorerSlashes bounds the slashes that come with a scorer.
const maxScorerSlashes = 100

// ownScorer finds the organisation's scorer; of several the one whose account this service moves.
func (s *scoringService) ownScorer(ctx context.Context) (*ledger.Scorer, error) {
	own, err := allGoverned[ledger.Scorer](ctx, s.cfg.Books, readmodel.RecordFilter{Kind: wire.KindScorer, Owner: s.cfg.About.MSPID})
	switch {
	case err != nil:
		return nil, err
	case len(own) == 0:
		return nil, notFound("%s has no scorer", s.cfg.About.MSPID)
	case len(own) == 1:
		return &own[0], nil
	}
	service, err := lastGoverned[ledger.CreditAccount](ctx, s.cfg.Books, readmodel.RecordFilter{Kind: wire.KindCreditKey, ID: s.cfg.CreditKey.String()})
	if err != nil {
		return nil, err
	}
	for i := range own {
		if service != nil && own[i].Account == service.ID {
			return &own[i], nil
		}
	}
	return nil, refuse(codes.InvalidArgument, codeArgument, "%s has %d scorers; name the account of one", s.cfg.About.MSPID, len(own))
}

// scorerOf finds the scorer that a request names, this organisation's if it names none.
func (s *scoringService) scorerOf(ctx context.Context, account string) (*ledger.Scorer, error) {
	if account == "" {
		return s.ownScorer(ctx)
	}
	id, err := digestOf("account", account)
	if err != nil {
		return nil, err
	}
	found, err := lastGoverned[ledger.Scorer](ctx, s.cfg.Books, readmodel.RecordFilter{Kind: wire.KindScorer, ID: id.String()})
	if err == nil && found == nil {
		err = notFound("account %s is not registered as a scorer", id)
	}
	return found, err
}

func (s *scoringService) GetScorer(ctx context.Context, req *waybillv1.GetScorerRequest) (*waybillv1.GetScorerResponse, error) {
	found, err := s.scorerOf(ctx, req.GetAccount())
	if err != nil {
		return nil, err
	}
	answer := &waybillv1.GetScorerResponse{}
	if answer.Scorer, err = s.scorer(ctx, *found); err != nil {
		return nil, err
	}
	slashes, err := s.cfg.Tasks.ScoringEntries(ctx, readmodel.EntryFilter{Account: &found.Account, Kinds: []readmodel.EntryKind{readmodel.EntrySlashed}}, nil, true, maxScorerSlashes)
	for _, e := range slashes {
		answer.Slashes = append(answer.Slashes, scoringEntry(e))
	}
	return answer, err
}

func finalVerdict(f readmodel.Final) *waybillv1.FinalVerdict {
	out := &waybillv1.FinalVerdict{
		Shipment: f.Shipment, Window: f.Window, Model: f.Model, Task: f.Task.String(), By: f.By.String(), Answer: taskAnswer(&f.Answer),
		At: since(f.At), TransactionId: f.TxID, Block: f.Block, Blend: taskBlend(f.Blend),
	}
	if f.Whole != nil {
		out.Verdict = verdict(*f.Whole)
	}
	return out
}

func (s *scoringService) ListFinals(ctx context.Context, req *waybillv1.ListFinalsRequest) (*waybillv1.ListFinalsResponse, error) {
	shipment, err := canonical("shipment", req.GetShipment())
	if err != nil {
		return nil, err
	}
	if req.Window != nil && shipment == "" {
		return nil, refuse(codes.InvalidArgument, codeArgument, "a window without its shipment")
	}
	limit, scope, place, err := page(req)
	if err != nil {
		return nil, err
	}
	var after *readmodel.FinalKey
	if place != nil && json.Unmarshal(place, &after) != nil {
		return nil, errToken()
	}
	found, err := s.cfg.Tasks.Finals(ctx, shipment, req.Window, after, limit+1)
	if err != nil {
		return nil, err
	}
	answer := &waybillv1.ListFinalsResponse{}
	for i, f := range found {
		if i == limit {
			last := found[i-1]
			key, err := json.Marshal(readmodel.FinalKey{Shipment: last.Shipment, Window: last.Window, Model: last.Model})
			if err != nil {
				return nil, err
			}
			answer.NextPageToken = token(scope, key)
			break
		}
		answer.Finals = append(answer.Finals, finalVerdict(f))
	}
	return answer, nil
}

func (s *scoringService) GetFinal(ctx context.Context, req *waybillv1.GetFinalRequest) (*waybillv1.GetFinalResponse, error) {
	shipment, err := needed("shipment", req.GetShipment())
	if err != nil {
		return nil, err
	}
	f, err := s.cfg.Tasks.Final(ctx, shipment, req.GetWindow(), req.GetModel())
	if err != nil {
		return nil, err
	}
	return &waybillv1.GetFinalResponse{Final: finalVerdict(f)}, nil
}

func (s *scoringService) ListScoringEntries(ctx context.Context, req *waybillv1.ListScoringEntriesRequest) (*waybillv1.ListScoringEntriesResponse, error) {
	var f readmodel.EntryFilter
	var err error
	if f.Account, err = optionalDigest("account", req.GetAccount()); err != nil {
		return nil, err
	}
	if f.Task, err = optionalDigest("task", req.GetTask()); err != nil {
		return nil, err
	}
	if err = tooMany("kinds", len(req.GetKinds()), len(waybillv1.ScoringEntryKind_name)); err != nil {
		return nil, err
	}
	for _, k := range req.GetKinds() {
		if k <= 0 || k > waybillv1.ScoringEntryKind_SCORING_ENTRY_KIND_INSPECTED {
			return nil, refuse(codes.InvalidArgument, codeArgument, "there are no entries of kind %d", k)
		}
		f.Kinds = append(f.Kinds, readmodel.EntryKind(k))
	}
	limit, scope, place, err := page(req)
	if err != nil {
		return nil, err
	}
	var after *readmodel.EntryKey
	if place != nil && json.Unmarshal(place, &after) != nil {
		return nil, errToken()
	}
	found, err := s.cfg.Tasks.ScoringEntries(ctx, f, after, req.GetNewestFirst(), limit+1)
	if err != nil {
		return nil, err
	}
	answer := &waybillv1.ListScoringEntriesResponse{}
	for i, e := range found {
		if i == limit {
			key, err := json.Marshal(found[i-1].EntryKey)
			if err != nil {
				return nil, err
			}
			answer.NextPageToken = token(scope, key)
			break
		}
		answer.Entries = append(answer.Entries, scoringEntry(e))
	}
	return answer, nil
}

func wait(m ledger.Millis) *durationpb.Duration {
	return durationpb.New(time.Duration(m) * time.Millisecond)
}

func (s *scoringService) GetScoringPolicy(ctx context.Context, req *waybillv1.GetScoringPolicyRequest) (*waybillv1.GetScoringPolicyResponse, error) {
	f := readmodel.RecordFilter{Kind: wire.KindScoringPolicy}
	if req.GetVersion() != 0 {
		f.Sub = readmodel.Numbered(req.GetVersion())
	}
	p, err := lastGoverned[ledger.ScoringPolicy](ctx, s.cfg.Books, f)
	switch {
	case err != nil:
		return nil, err
	case p == nil && req.GetVersion() != 0:
		return nil, notFound("version %d of the scoring policy", req.GetVersion())
	case p == nil:
		return &waybillv1.GetScoringPolicyResponse{}, nil
	}
	return &waybillv1.GetScoringPolicyResponse{Policy: &waybillv1.ScoringPolicy{
		Version: p.Version, MinStake: uint64(p.MinStake), CommitFor: wait(p.CommitFor), RevealFor: wait(p.RevealFor), ChallengeFor: wait(p.ChallengeFor),
		Reward: uint64(p.Reward), Jackpot: uint64(p.Jackpot), CanaryMillionths: p.Canary, WrongMillionths: p.Wrong, SilentMillionths: p.Silent,
		Bond: uint64(p.Bond), FinderMillionths: p.Finder, BlendCapMillionths: p.Blend.Cap, BlendTruth: uint64(p.Blend.Truth), BlendOwnModels: p.Blend.Own, AtOnce: p.AtOnce,
		MinPanel: uint32(p.LeastPanel()), //nolint:gosec // at most ledger.MaxScorers
		Skew:     span(p.Skew), Votes: p.Votes, At: since(p.At), TransactionId: p.TxID,
	}}, nil
}

// restingKey reads the name of a version or of an artefact as verdicts bear it, and gives the version if it is registered: of
// several with one artefact the one that was approved, else the first.
func (s *modelService) restingKey(ctx context.Context, name string) (string, *ledger.ModelVersion, error) {
	if id, artefact, ok := ledger.ArtefactOf(name); ok {
		versions, err := allGoverned[ledger.ModelVersion](ctx, s.cfg.Books, readmodel.RecordFilter{Kind: wire.KindModel, ID: id})
		if err != nil {
			return "", nil, err
		}
		var found *ledger.ModelVersion
		for _, m := range versions {
			if m.Artefact != artefact {
				continue
			}
			status, err := lastGoverned[ledger.ModelStatus](ctx, s.cfg.Books, readmodel.RecordFilter{Kind: wire.KindModelStatus, ID: id, Sub: readmodel.Numbered(m.Version)})
			if err != nil {
				return "", nil, err
			}
			if found == nil || status != nil && status.State >= ledger.ModelApproved && len(status.Approvers) > 0 {
				found = &m
			}
		}
		return name, found, nil
	}
	m, err := s.version(ctx, name)
	if err != nil {
		return "", nil, err
	}
	return m.ID + "@" + m.Artefact.String(), &m, nil
}

func (s *modelService) ListModelVerdicts(ctx context.Context, req *waybillv1.ListModelVerdictsRequest) (*waybillv1.ListModelVerdictsResponse, error) {
	limit, scope, place, err := page(req)
	if err != nil {
		return nil, err
	}
	var after *readmodel.RestingKey
	if place != nil && json.Unmarshal(place, &after) != nil {
		return nil, errToken()
	}
	model, version, err := s.restingKey(ctx, req.GetName())
	if err != nil {
		return nil, err
	}
	answer := &waybillv1.ListModelVerdictsResponse{}
	if version != nil {
		if answer.Model, err = s.standing(ctx, *version); err != nil {
			return nil, err
		}
	}
	found, err := s.cfg.Tasks.Resting(ctx, model, after, limit+1)
	if err != nil {
		return nil, err
	}
	for i, r := range found {
		if i == limit {
			key, err := json.Marshal(found[i-1].Key)
			if err != nil {
				return nil, err
			}
			answer.NextPageToken = token(scope, key)
			break
		}
		if r.Blend != nil {
			answer.Verdicts = append(answer.Verdicts, &waybillv1.ModelVerdict{Rests: &waybillv1.ModelVerdict_Blend{Blend: finalVerdict(*r.Blend)}})
		} else {
			answer.Verdicts = append(answer.Verdicts, &waybillv1.ModelVerdict{Rests: &waybillv1.ModelVerdict_Verdict{Verdict: verdict(*r.Verdict)}})
		}
	}
	return answer, nil
}
