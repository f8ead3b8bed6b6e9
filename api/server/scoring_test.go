package server

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/api/readmodel"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/internal/protocolsim"
)

// court is a rig whose ledger the contract writes: scorers s0 to s3 of organisations A to D, with windows to be judged.
type court struct {
	*rig

	world *protocolsim.World
	r     *rand.Rand
	block uint64 // the last one written
}

func newCourt(t *testing.T, change ...func(*Config)) *court {
	t.Helper()
	c := &court{r: rand.New(rand.NewPCG(3, 5))}
	c.rig = newRig(t, append([]func(*Config){func(cfg *Config) {
		store, ok := cfg.Reader.(*readmodel.Store)
		if !ok {
			t.Fatal("the rig reads no store")
		}
		cfg.Books, cfg.Tasks = store, store
	}}, change...)...)
	var members []protocolsim.Member
	for i := range 4 {
		members = append(members, protocolsim.Member{Name: fmt.Sprintf("s%d", i), MSPID: string(rune('A' + i)), Stake: 20_000})
	}
	policy := protocolsim.DefaultPolicy()
	policy.Canary = 0
	var err error
	if c.world, err = protocolsim.NewWorldTold(policy, members, 2, func(tx wire.Transaction) { c.block = c.ledger.Written(tx) }); err != nil {
		t.Fatal(err)
	}
	return c
}

// play plays a task; scorers are honest but those that are named.
func (c *court) play(t *testing.T, task int, others map[string]protocolsim.Strategy) string {
	t.Helper()
	var players []protocolsim.Player
	for i := range 4 {
		p := protocolsim.Player{Name: fmt.Sprintf("s%d", i), Strategy: protocolsim.Honest}
		if s, ok := others[p.Name]; ok {
			p.Strategy = s
		}
		players = append(players, p)
	}
	if _, err := c.world.Play(c.world.Tasks[task], players, 1, c.r); err != nil {
		t.Fatal(err)
	}
	id, err := wire.TaskDigest(c.world.Tasks[task].Statement)
	if err != nil {
		t.Fatal(err)
	}
	c.read(t)
	return id.String()
}

func (c *court) read(t *testing.T) {
	t.Helper()
	if err := c.store.WaitFor(t.Context(), c.block); err != nil {
		t.Fatal(err)
	}
}

// alone records a verdict of one scorer that differs from the engine's.
func (c *court) alone(t *testing.T, task int) ledger.Verdict {
	t.Helper()
	v := c.world.Tasks[task].Truth.Verdict
	v.Trace[0]++
	argument, err := wire.Encode(wire.VerdictBatch{Verdicts: []ledger.Verdict{v}})
	if err != nil {
		t.Fatal(err)
	}
	stub, _, err := c.world.Invoke("s3", wire.FnRecordVerdicts, argument, 0)
	if err == nil {
		_, err = c.world.Commit(stub)
	}
	if err != nil {
		t.Fatal(err)
	}
	c.read(t)
	return v
}

func TestWhatScorersDidIsToldToWhoeverAsks(t *testing.T) {
	c := newCourt(t)
	ctx, api := t.Context(), waybillv1.NewScoringServiceClient(c.connect(ledger.RoleReader))
	agreed := c.play(t, 0, nil)
	lied := c.play(t, 1, map[string]protocolsim.Strategy{"s2": protocolsim.Lazy, "s3": protocolsim.Silent})
	challenged := c.play(t, 2, map[string]protocolsim.Strategy{"s2": protocolsim.Cartel})
	all, liar := []string{agreed, lied, challenged}, c.world.Account("s2").String()

	var listed []string
	token := ""
	for {
		page, err := api.ListTasks(ctx, &waybillv1.ListTasksRequest{PageSize: 1, PageToken: token, Filter: &waybillv1.TaskFilter{Scorer: liar, Phase: waybillv1.TaskPhase_TASK_PHASE_FINAL}})
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range page.GetTasks() {
			listed = append(listed, k.GetId())
			if len(k.GetPanel()) != 4 || k.GetWeight() == 0 || k.GetAnswer() == nil || k.GetSettledBy() == "" {
				t.Errorf("%+v", k)
			}
		}
		if token = page.GetNextPageToken(); token == "" {
			break
		}
		_, err = api.ListTasks(ctx, &waybillv1.ListTasksRequest{PageSize: 1, PageToken: token})
		wants(t, err, codes.InvalidArgument, codePageToken)
	}
	if !slices.Equal(listed, all) {
		t.Errorf("%v, not %v", listed, all)
	}

	got, err := api.GetTask(ctx, &waybillv1.GetTaskRequest{Id: challenged})
	if err != nil {
		t.Fatal(err)
	}
	view, err := c.world.View(c.digest(t, challenged))
	if err != nil {
		t.Fatal(err)
	}
	if len(got.GetCommitments()) != 4 || len(got.GetReveals()) != 4 || got.GetSettlement().GetBy() != view.Settlement.By.String() ||
		!slices.Equal(got.GetSettlement().GetWrong(), []string{liar}) || got.GetClosing().GetWeight() != uint64(view.Closing.Weight) || len(got.GetReferences()) != 4 {
		t.Errorf("%+v", got)
	}
	kinds := map[waybillv1.ScoringEntryKind]int{}
	for _, e := range got.GetEntries() {
		kinds[e.GetKind()]++
	}
	if kinds[waybillv1.ScoringEntryKind_SCORING_ENTRY_KIND_SLASHED] != 1 || kinds[waybillv1.ScoringEntryKind_SCORING_ENTRY_KIND_WRONG] != 1 || kinds[waybillv1.ScoringEntryKind_SCORING_ENTRY_KIND_RIGHT] != 3 {
		t.Errorf("%v", kinds)
	}

	scorers, err := api.ListScorers(ctx, &waybillv1.ListScorersRequest{})
	if err != nil || len(scorers.GetScorers()) != 4 {
		t.Fatalf("%+v, %v", scorers, err)
	}
	for _, s := range scorers.GetScorers() {
		if s.GetTasks() != 3 || !s.GetActive() || s.GetStake().GetBonded()+s.GetSlashed() != 20_000 || s.GetStake().GetSlashed() != s.GetSlashed() {
			t.Errorf("%+v", s)
		}
	}
	one, err := api.GetScorer(ctx, &waybillv1.GetScorerRequest{Account: liar})
	if err != nil || len(one.GetSlashes()) != int(one.GetScorer().GetReputation().GetWrong()) || one.GetSlashes()[0].GetCause() != "wrong" || one.GetSlashes()[0].GetTask() != challenged || one.GetSlashes()[0].GetBlock() == 0 {
		t.Errorf("%+v, %v", one, err)
	}
	if mine, err := api.ListScorers(ctx, &waybillv1.ListScorersRequest{MspId: "C"}); err != nil || len(mine.GetScorers()) != 1 || mine.GetScorers()[0].GetAccount() != liar {
		t.Errorf("%+v, %v", mine, err)
	}

	var amounts uint64
	for token = ""; ; {
		page, err := api.ListScoringEntries(ctx, &waybillv1.ListScoringEntriesRequest{
			Account: liar, PageSize: 1, PageToken: token, NewestFirst: true, Kinds: []waybillv1.ScoringEntryKind{waybillv1.ScoringEntryKind_SCORING_ENTRY_KIND_SLASHED},
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.GetEntries() {
			amounts += e.GetAmount()
		}
		if token = page.GetNextPageToken(); token == "" {
			break
		}
	}
	if amounts != one.GetScorer().GetSlashed() || amounts == 0 {
		t.Errorf("entries come to %d, the scorer lost %d", amounts, one.GetScorer().GetSlashed())
	}

	policy, err := api.GetScoringPolicy(ctx, &waybillv1.GetScoringPolicyRequest{})
	if err != nil || policy.GetPolicy().GetVersion() != 1 || policy.GetPolicy().GetReward() != 48 || policy.GetPolicy().GetRevealFor().AsDuration().Minutes() != 20 || policy.GetPolicy().GetSkew() != nil {
		t.Errorf("%+v, %v", policy, err)
	}
	for name, ask := range map[string]func() error{
		ledger.CodeNotFound + " task":   func() error { _, err := api.GetTask(ctx, &waybillv1.GetTaskRequest{Id: hexed(9)}); return err },
		ledger.CodeNotFound + " scorer": func() error { _, err := api.GetScorer(ctx, &waybillv1.GetScorerRequest{Account: hexed(9)}); return err },
		ledger.CodeNotFound + " policy": func() error {
			_, err := api.GetScoringPolicy(ctx, &waybillv1.GetScoringPolicyRequest{Version: 2})
			return err
		},
		ledger.CodeNotFound + " own": func() error { _, err := api.GetScorer(ctx, &waybillv1.GetScorerRequest{}); return err },
	} {
		var code string
		if _, err := fmt.Sscan(name, &code); err != nil {
			t.Fatal(err)
		}
		wants(t, ask(), codes.NotFound, code)
	}
	for name, ask := range map[string]func() error{
		codeArgument + " task": func() error { _, err := api.GetTask(ctx, &waybillv1.GetTaskRequest{}); return err },
		codeArgument + " phase": func() error {
			_, err := api.ListTasks(ctx, &waybillv1.ListTasksRequest{Filter: &waybillv1.TaskFilter{Phase: 9}})
			return err
		},
		codeArgument + " kind": func() error {
			_, err := api.ListScoringEntries(ctx, &waybillv1.ListScoringEntriesRequest{Kinds: []waybillv1.ScoringEntryKind{0}})
			return err
		},
		codeArgument + " window": func() error {
			window := uint32(1)
			_, err := api.ListFinals(ctx, &waybillv1.ListFinalsRequest{Window: &window})
			return err
		},
		ledger.CodeMalformed + " account": func() error {
			_, err := api.ListScoringEntries(ctx, &waybillv1.ListScoringEntriesRequest{Account: "5"})
			return err
		},
	} {
		var code string
		if _, err := fmt.Sscan(name, &code); err != nil {
			t.Fatal(err)
		}
		wants(t, ask(), codes.InvalidArgument, code)
	}
}

func TestAnOrganisationsScorerIsTheOneThatItHas(t *testing.T) {
	scorer := func(id byte, msp string) ledger.Scorer { return ledger.Scorer{Account: ledger.Digest{id}, MSPID: msp} }
	ask := func(key byte, scorers ...ledger.Scorer) (*waybillv1.GetScorerResponse, error) {
		books := shelf{records: map[wire.Kind][]readmodel.Governed{wire.KindCreditKey: {stored(t, hexed(90), "", ledger.CreditAccount{ID: ledger.Digest{2}})}}}
		for _, s := range scorers {
			books.records[wire.KindScorer] = append(books.records[wire.KindScorer], stored(t, s.Account.String(), "", s))
		}
		r := newRig(t, func(c *Config) {
			c.Books, c.Tasks, c.CreditKey = books, c.Reader.(Tasks), ledger.Digest{key}
		})
		return waybillv1.NewScoringServiceClient(r.connect(ledger.RoleReader)).GetScorer(t.Context(), &waybillv1.GetScorerRequest{})
	}
	if one, err := ask(1, scorer(1, "A")); err != nil || one.GetScorer().GetAccount() != hexed(1) {
		t.Errorf("%+v, %v", one, err)
	}
	if of, err := ask(90, scorer(1, "A"), scorer(2, "A")); err != nil || of.GetScorer().GetAccount() != hexed(2) {
		t.Errorf("%+v, %v", of, err)
	}
	_, err := ask(1, scorer(1, "A"), scorer(2, "A"))
	wants(t, err, codes.InvalidArgument, codeArgument)
}

func (c *court) digest(t *testing.T, text string) ledger.Digest {
	t.Helper()
	d, err := ledger.ParseDigest(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestAVerdictSaysWhoseWordItIs(t *testing.T) {
	c := newCourt(t)
	ctx, conn := t.Context(), c.connect(ledger.RoleReader)
	verdicts, api := waybillv1.NewVerdictServiceClient(conn), waybillv1.NewScoringServiceClient(conn)
	s := c.world.Tasks[0].Statement
	ask := &waybillv1.GetVerdictRequest{Shipment: s.Shipment, Window: s.Window, Model: s.Model}
	lie := c.alone(t, 0)
	before, err := verdicts.GetVerdict(ctx, ask)
	if err != nil || before.GetVerdict().GetStanding() != waybillv1.VerdictStanding_VERDICT_STANDING_ALONE || before.GetVerdict().GetTask() != "" || before.GetVerdict().GetTraceDigest() != lie.Trace.String() {
		t.Errorf("%+v, %v", before, err)
	}
	watched, err := verdicts.WatchVerdicts(ctx, &waybillv1.WatchVerdictsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if first, err := watched.Recv(); err != nil || first.GetVerdict().GetTraceDigest() != lie.Trace.String() {
		t.Fatalf("%+v, %v", first, err)
	}
	task := c.play(t, 0, map[string]protocolsim.Strategy{"s3": protocolsim.Cartel})
	after, err := verdicts.GetVerdict(ctx, ask)
	v := after.GetVerdict()
	if err != nil || v.GetStanding() != waybillv1.VerdictStanding_VERDICT_STANDING_FINAL || v.GetStandingBy() != "challenge" || v.GetTask() != task ||
		v.GetTraceDigest() != c.world.Tasks[0].Truth.Verdict.Trace.String() || v.GetOverruled().GetTraceDigest() != lie.Trace.String() || v.GetOverruled().GetPosition() != nil {
		t.Errorf("%+v, %v", after, err)
	}
	// Who watches is told that another verdict stands now.
	for {
		next, err := watched.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if next.GetVerdict() == nil {
			continue
		}
		// Before it is final it may be sent as disputed.
		if next.GetVerdict().GetStanding() == waybillv1.VerdictStanding_VERDICT_STANDING_DISPUTED {
			continue
		}
		if next.GetVerdict().GetTraceDigest() != v.GetTraceDigest() || next.GetVerdict().GetOverruled() == nil || !proto.Equal(next.GetPosition(), v.GetChanged()) {
			t.Errorf("%+v", next)
		}
		break
	}
	unanimous := c.play(t, 2, nil)
	w := c.world.Tasks[2].Statement
	other, err := verdicts.GetVerdict(ctx, &waybillv1.GetVerdictRequest{Shipment: w.Shipment, Window: w.Window, Model: w.Model})
	if err != nil || other.GetVerdict().GetStandingBy() != "unanimous" || other.GetVerdict().GetTask() != unanimous || other.GetVerdict().GetOverruled() != nil {
		t.Errorf("%+v, %v", other, err)
	}

	final, err := api.GetFinal(ctx, &waybillv1.GetFinalRequest{Shipment: s.Shipment, Window: s.Window, Model: s.Model})
	if err != nil || final.GetFinal().GetTask() != task || final.GetFinal().GetVerdict().GetTraceDigest() != v.GetTraceDigest() || final.GetFinal().GetAnswer().GetTraceDigest() != v.GetTraceDigest() {
		t.Errorf("%+v, %v", final, err)
	}
	_, err = api.GetFinal(ctx, &waybillv1.GetFinalRequest{Shipment: s.Shipment, Window: 1, Model: s.Model})
	wants(t, err, codes.NotFound, ledger.CodeNotFound)
	var tasks []string
	for token := ""; ; {
		page, err := api.ListFinals(ctx, &waybillv1.ListFinalsRequest{PageSize: 1, PageToken: token})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range page.GetFinals() {
			tasks = append(tasks, f.GetTask())
		}
		if token = page.GetNextPageToken(); token == "" {
			break
		}
	}
	if !slices.Equal(tasks, []string{task, unanimous}) {
		t.Errorf("%v", tasks)
	}
	// The recorded verdict has the proof; that it stands no more is told beside it.
	if sh, err := verdicts.GetShipment(ctx, &waybillv1.GetShipmentRequest{Id: s.Shipment}); err != nil || sh.GetShipment().GetLatest().GetTraceDigest() != v.GetTraceDigest() {
		t.Errorf("%+v, %v", sh, err)
	}
}

func TestWatchersOfTasksSeeEachToItsEnd(t *testing.T) {
	c := newCourt(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	api := waybillv1.NewScoringServiceClient(c.connect(ledger.RoleReader))
	stream, err := api.WatchTasks(ctx, &waybillv1.WatchTasksRequest{OnlyNew: true})
	if err != nil {
		t.Fatal(err)
	}
	if first, err := stream.Recv(); err != nil || first.GetTask() != nil || first.GetPosition() == nil {
		t.Fatalf("%+v, %v", first, err)
	}
	want := map[string]bool{c.play(t, 0, nil): true, c.play(t, 1, map[string]protocolsim.Strategy{"s3": protocolsim.Silent}): true}
	last := &waybillv1.Position{}
	var resume *waybillv1.Position
	for len(want) > 0 {
		got, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		at := got.GetPosition()
		if at.GetBlock() < last.GetBlock() || at.GetBlock() == last.GetBlock() && at.GetIndex() < last.GetIndex() {
			t.Errorf("%v after %v", at, last)
		}
		last = at
		k := got.GetTask()
		if k == nil {
			continue
		}
		if !want[k.GetId()] {
			t.Errorf("task %s is sent after its end", k.GetId())
		}
		if k.GetPhase() == waybillv1.TaskPhase_TASK_PHASE_FINAL {
			delete(want, k.GetId())
			resume = at
		}
	}
	task := c.play(t, 2, nil)
	again, err := api.WatchTasks(ctx, &waybillv1.WatchTasksRequest{After: resume})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := again.Recv(); err != nil || got.GetTask().GetId() != task {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestVerdictsThatRestOnARevokedModelAreListed(t *testing.T) {
	books := shelf{records: map[wire.Kind][]readmodel.Governed{}}
	c := newCourt(t, func(cfg *Config) { cfg.Books = books })
	name := c.world.Model.Name()
	id, artefact, ok := ledger.ArtefactOf(name)
	if !ok {
		t.Fatal(name)
	}
	m := ledger.ModelVersion{ID: id, Version: 2, Artefact: artefact}
	draft := ledger.ModelVersion{ID: id, Version: 1, Artefact: artefact} // of a stranger, of the same artefact
	books.records[wire.KindModel] = []readmodel.Governed{stored(t, id, readmodel.Numbered(1), draft), stored(t, id, readmodel.Numbered(2), m)}
	books.records[wire.KindModelStatus] = []readmodel.Governed{
		stored(t, id, readmodel.Numbered(1), ledger.ModelStatus{Model: draft.Ref(), State: ledger.ModelDraft}),
		stored(t, id, readmodel.Numbered(2), ledger.ModelStatus{Model: m.Ref(), State: ledger.ModelProduction, Approvers: []string{"B", "C"}}),
	}
	books.records[wire.KindRevocation] = []readmodel.Governed{stored(t, id, readmodel.Numbered(2), ledger.Revocation{Model: m.Ref(), Reason: "wrong", MSPID: "B"})}
	c.alone(t, 3)
	c.play(t, 0, nil)
	c.play(t, 1, nil)
	api := waybillv1.NewModelServiceClient(c.connect(ledger.RoleReader))
	for _, called := range []string{m.Ref().String(), name} {
		var standings []waybillv1.VerdictStanding
		for token := ""; ; {
			page, err := api.ListModelVerdicts(t.Context(), &waybillv1.ListModelVerdictsRequest{Name: called, PageSize: 2, PageToken: token})
			if err != nil {
				t.Fatal(err)
			}
			if page.GetModel().GetStatus().GetRevoked() != "wrong" {
				t.Errorf("%+v", page.GetModel())
			}
			for _, v := range page.GetVerdicts() {
				standings = append(standings, v.GetVerdict().GetStanding())
			}
			if token = page.GetNextPageToken(); token == "" {
				break
			}
		}
		alone, final := waybillv1.VerdictStanding_VERDICT_STANDING_ALONE, waybillv1.VerdictStanding_VERDICT_STANDING_FINAL
		if !slices.Equal(standings, []waybillv1.VerdictStanding{alone, final, final}) {
			t.Errorf("%s: %v", called, standings)
		}
	}
	stranger, err := api.ListModelVerdicts(t.Context(), &waybillv1.ListModelVerdictsRequest{Name: "other@" + hexed(1)})
	if err != nil || len(stranger.GetVerdicts()) != 0 || stranger.GetModel() != nil {
		t.Errorf("%+v, %v", stranger, err)
	}
	_, err = api.ListModelVerdicts(t.Context(), &waybillv1.ListModelVerdictsRequest{Name: id + "/3"})
	wants(t, err, codes.NotFound, ledger.CodeNotFound)
	_, err = api.ListModelVerdicts(t.Context(), &waybillv1.ListModelVerdictsRequest{Name: "neither"})
	wants(t, err, codes.InvalidArgument, ledger.CodeMalformed)
}
