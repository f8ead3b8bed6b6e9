package audit_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/analytics/audit"
	"github.com/waybill-dev/waybill/analytics/score"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/internal/protocolsim"
)

// bench is a ledger that the contract wrote, on which four organisations judge windows.
type bench struct {
	world   *protocolsim.World
	source  source
	seats   map[ledger.Digest]string
	program audit.Program
}

func newBench(t *testing.T, change func(*ledger.ScoringPolicy)) *bench {
	t.Helper()
	m, err := score.Default()
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{seats: map[ledger.Digest]string{}, program: audit.Program{Shipped: m}}
	var members []protocolsim.Member
	for i := range 4 {
		members = append(members, protocolsim.Member{Name: fmt.Sprintf("s%d", i), MSPID: string(rune('A' + i)), Stake: 40_000})
	}
	policy := protocolsim.DefaultPolicy()
	change(&policy)
	if b.world, err = protocolsim.NewWorldTold(policy, members, 1, b.told(t)); err != nil {
		t.Fatal(err)
	}
	return b
}

// told appends a block of one transaction, with what its records say of it and what its submitter would have signed.
func (b *bench) told(t *testing.T) func(wire.Transaction) {
	return func(recorded wire.Transaction) {
		tx := audit.Transaction{Transaction: recorded, MSPID: "A", ID: fmt.Sprintf("tx%d", len(b.source.blocks))}
		for _, v := range recorded.Credits.Accounts {
			b.seats[v.ID] = v.MSPID
		}
		var asked []ledger.TaskOperation
		by := func(account ledger.Digest, at ledger.Millis, id string) {
			tx.MSPID, tx.At, tx.ID = b.seats[account], at, id
		}
		for _, v := range recorded.Verdicts {
			tx.MSPID, tx.At, tx.ID = v.Scorer, v.At, v.TxID
		}
		s := recorded.Scoring
		for _, v := range s.Tasks {
			by(v.By, v.At, v.TxID)
			asked = append(asked, ledger.TaskOperation{Open: &v.Statement})
		}
		for _, v := range s.Closings {
			tx.At, tx.ID = v.At, v.TxID
		}
		for _, v := range s.Commitments {
			by(v.Account, v.At, v.TxID)
			asked = append(asked, ledger.TaskOperation{Commit: &ledger.CommitAnswer{Task: v.Task, Commitment: v.Commitment}})
		}
		for _, v := range s.Reveals {
			by(v.Account, v.At, v.TxID)
		}
		for _, v := range s.Provisionals {
			tx.At, tx.ID = v.At, v.TxID
			if v.Prover != nil {
				tx.MSPID = b.seats[*v.Prover]
			}
		}
		for _, v := range s.Settlements {
			tx.MSPID, tx.At, tx.ID = v.MSPID, v.At, v.TxID
		}
		for _, v := range s.Claims {
			if v.Refuted == nil {
				by(v.Account, v.At, v.TxID)
				omitted := v.Omitted
				asked = append(asked, ledger.TaskOperation{Challenge: &ledger.ChallengeTask{Task: v.Task, Omitted: &omitted, At: v.Before, Segment: v.Segment}})
				continue
			}
			by(v.Refuted.Account, v.Refuted.At, v.Refuted.TxID)
			asked = append(asked, ledger.TaskOperation{Refute: &ledger.RefuteClaim{Task: v.Task, Account: v.Account, Reference: v.Refuted.Reference, Segment: v.Refuted.Segment, Proof: []byte{1}}})
		}
		if len(asked) > 0 {
			argument, err := wire.Encode(wire.TaskBatch{Operations: asked})
			tx.Submitted = submitted(t, wire.FnScore, argument, err)
		}
		n := uint64(len(b.source.blocks))
		b.source.blocks = append(b.source.blocks, audit.Block{Number: n, Hash: ledger.Digest{byte(n), byte(n >> 8), 1}, Transactions: []audit.Transaction{tx}})
	}
}

func (b *bench) play(t *testing.T, watch protocolsim.Watch, strategies ...protocolsim.Strategy) {
	t.Helper()
	var players []protocolsim.Player
	for i := range 4 {
		p := protocolsim.Player{Name: fmt.Sprintf("s%d", i), Strategy: protocolsim.Honest}
		if i > 0 && i <= len(strategies) {
			p.Strategy = strategies[i-1]
		}
		players = append(players, p)
	}
	if _, err := b.world.Play(b.world.Tasks[0], players, watch, rand.New(rand.NewPCG(3, 9))); err != nil {
		t.Fatal(err)
	}
}

func (b *bench) audited(t *testing.T, s source) (*audit.Report, error) {
	t.Helper()
	list := b.world.Tasks[0].Statement
	return audit.Verdict(t.Context(), s, b.program, audit.Name{Shipment: list.Shipment, Window: list.Window, Model: list.Model})
}

// benches are tasks that ended in every way in which one becomes final.
func benches(t *testing.T) map[string]*bench {
	t.Helper()
	all := map[string]*bench{}
	for name, c := range map[string]struct {
		change     func(*ledger.ScoringPolicy)
		watch      protocolsim.Watch
		strategies []protocolsim.Strategy
		alone      bool
	}{
		"unanimous": {func(p *ledger.ScoringPolicy) { p.Canary = 0 }, 0, nil, false},
		"window":    {func(p *ledger.ScoringPolicy) { p.Canary, p.AtOnce = 0, false }, 0, nil, false},
		"draw":      {func(p *ledger.ScoringPolicy) { p.Canary = 1_000_000 }, 0, nil, false},
		"split":     {func(p *ledger.ScoringPolicy) { p.Canary, p.AtOnce = 0, false }, 0, []protocolsim.Strategy{protocolsim.Honest, protocolsim.Random, protocolsim.Random}, false},
		"challenge": {func(p *ledger.ScoringPolicy) { p.Canary = 0 }, 1, []protocolsim.Strategy{protocolsim.Honest, protocolsim.Honest, protocolsim.Cartel}, true},
		"claim":     {func(p *ledger.ScoringPolicy) { p.Canary = 0 }, 1, []protocolsim.Strategy{protocolsim.Objector}, false},
		"silent":    {func(p *ledger.ScoringPolicy) { p.Canary = 0 }, 1, []protocolsim.Strategy{protocolsim.Silent}, false},
	} {
		b := newBench(t, c.change)
		if c.alone {
			lie := b.world.Tasks[0].Truth.Verdict
			lie.Trace[0]++
			argument, err := wire.Encode(wire.VerdictBatch{Verdicts: []ledger.Verdict{lie}})
			if err != nil {
				t.Fatal(err)
			}
			stub, answers, err := b.world.Invoke("s3", wire.FnRecordVerdicts, argument, 0)
			if err != nil || answers[0].Status != ledger.StatusRecorded {
				t.Fatal(answers, err)
			}
			if _, err = b.world.Commit(stub); err != nil {
				t.Fatal(err)
			}
		}
		b.play(t, c.watch, c.strategies...)
		all[name] = b
	}
	return all
}

// must has the contract take operations.
func (b *bench) must(t *testing.T, who string, operations ...ledger.TaskOperation) {
	t.Helper()
	answers, err := b.world.Score(who, operations...)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range answers {
		if a.Status != ledger.StatusRecorded {
			t.Fatalf("%s: %+v", who, a)
		}
	}
}

// Each scorer answers for itself, and records its verdict alone; what their answers come to is final.
func TestTheTaskBehindABlendIsMadeAgain(t *testing.T) {
	b := newBench(t, func(p *ledger.ScoringPolicy) { p.Canary, p.Blend.Own = 0, true })
	list, truth := b.world.Tasks[0].Statement, b.world.Tasks[0].Truth
	shared := list
	shared.Model, shared.Inputs = "", ledger.Digest{}
	id, err := wire.TaskDigest(shared)
	if err != nil {
		t.Fatal(err)
	}
	argument, err := wire.Encode(wire.VerdictBatch{Verdicts: []ledger.Verdict{truth.Verdict}})
	if err != nil {
		t.Fatal(err)
	}
	stub, answers, err := b.world.Invoke("s0", wire.FnRecordVerdicts, argument, 0)
	if err != nil || answers[0].Status != ledger.StatusRecorded {
		t.Fatal(answers, err)
	}
	if _, err = b.world.Commit(stub); err != nil {
		t.Fatal(err)
	}
	answer := func(i int) ledger.TaskAnswer {
		a := truth.Answer
		if i > 0 {
			a.Score = int64(i) * 1_000
		}
		return a
	}
	b.must(t, "s0", ledger.TaskOperation{Open: &shared})
	for i := range 4 {
		who := fmt.Sprintf("s%d", i)
		commitment, err := wire.CommitmentOf(id, b.world.Account(who), answer(i), ledger.Digest{byte(i)})
		if err != nil {
			t.Fatal(err)
		}
		b.must(t, who, ledger.TaskOperation{Commit: &ledger.CommitAnswer{Task: id, Commitment: commitment}})
	}
	b.must(t, "s0", ledger.TaskOperation{Close: &id})
	for i := range 4 {
		b.must(t, fmt.Sprintf("s%d", i), ledger.TaskOperation{Reveal: &ledger.RevealAnswer{Task: id, Answer: answer(i), Nonce: ledger.Digest{byte(i)}}})
	}
	b.must(t, "s0", ledger.TaskOperation{Settle: &ledger.SettleTask{Task: id}})
	report, err := b.audited(t, b.source)
	if err != nil {
		t.Fatal(err)
	}
	if d := report.Differences(); len(d) > 0 || report.Task == nil || !report.Task.Rebuilt || report.Task.Settlement.Blend.Count != 4 || report.Task.Final.Model != "" {
		t.Errorf("%+v %+v", d, report.Task)
	}
	changes(t, b, "settlement", func(s *wire.ScoringRecords) []ledger.Settlement { return s.Settlements }, func(s *wire.ScoringRecords, v []ledger.Settlement) { s.Settlements = v }, func(path string, s source) {
		if report, err := b.audited(t, s); err == nil && report.OK() {
			t.Errorf("%s: nothing was found", path)
		}
	})
}

func TestTheTaskBehindAFinalVerdictIsMadeAgain(t *testing.T) {
	for name, b := range benches(t) {
		report, err := b.audited(t, b.source)
		if err != nil {
			t.Fatal(name, err)
		}
		for _, d := range report.Differences() {
			if !d.Note {
				t.Errorf("%s: %+v", name, d)
			}
		}
		task := report.Task
		if task == nil || !task.Rebuilt || task.Settlement == nil || len(task.Commitments) < 3 {
			t.Errorf("%s: %+v", name, task)
			continue
		}
		t.Logf("%s: final by %s, %d checks, %d reveals, %d claims", name, task.Final.By, len(report.Checks), len(task.Reveals), len(task.Claims))
		if want := strings.ReplaceAll(strings.ReplaceAll(name, "claim", ""), "silent", ""); want != "" && task.Final.By.String() != want {
			t.Errorf("%s: it is final by %s", name, task.Final.By)
		}
		if name == "claim" && (len(task.Claims) == 0 || task.Claims[0].Refuted == nil) {
			t.Errorf("%+v", task.Claims)
		}
		if name == "challenge" && (task.Final.Verdict == nil || report.Verdict.Trace != b.world.Tasks[0].Truth.Verdict.Trace || report.Verdict.Scorer == "D" || len(report.Differences()) == 0) {
			t.Errorf("what stands is not what was overruled: %+v", report.Verdict)
		}
		for _, c := range report.Checks {
			if c.Recorded == "" && c.Found == "" {
				t.Errorf("%s: nothing was compared with nothing: %+v", name, c)
			}
		}
	}
}

// What was settled on a model that nobody approved, while a policy asked for that, is not what the ledger's rules give.
func TestATaskOnAModelThatNobodyApprovedIsFound(t *testing.T) {
	b := newBench(t, func(*ledger.ScoringPolicy) {})
	b.play(t, 0)
	id := b.program.Shipped.Parameters().ID
	for name, c := range map[string]struct {
		models wire.ModelRecords
		found  bool
	}{
		"not approved": {wire.ModelRecords{}, true},
		"approved":     {wire.ModelRecords{Admissions: []ledger.Admission{{Artefact: b.program.Shipped.Digest(), Model: ledger.ModelRef{ID: id, Version: 1}}}}, false},
		"of another":   {wire.ModelRecords{Admissions: []ledger.Admission{{Artefact: b.program.Shipped.Digest(), Model: ledger.ModelRef{ID: "x", Version: 1}}}}, true},
	} {
		c.models.Policies = []ledger.ModelPolicy{{Version: 1, Approvals: ledger.MinApprovals}}
		l := bench{world: b.world, program: b.program, source: source{blocks: slices.Clone(b.source.blocks)}}
		l.source.blocks[0].Transactions = slices.Clone(l.source.blocks[0].Transactions)
		l.source.blocks[0].Transactions[0].Models = c.models
		report, err := l.audited(t, l.source)
		if found := err != nil || !report.OK(); found != c.found {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// copied is a record of its own.
func copied[T wire.TaskFact](t *testing.T, v T) T {
	t.Helper()
	data, err := wire.Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	out, err := wire.Decode[T](data, wire.MaxStoredBytes)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// changes calls do with the ledger in which one place of one record is changed, for each place of each record.
func changes[T wire.TaskFact](t *testing.T, b *bench, what string, of func(*wire.ScoringRecords) []T, put func(*wire.ScoringRecords, []T), do func(name string, s source)) {
	t.Helper()
	for i, block := range b.source.blocks {
		for j, r := range of(&block.Transactions[0].Scoring) {
			first := copied(t, r)
			places(what, reflect.ValueOf(&first).Elem(), func(path string, _ reflect.Value) {
				c := copied(t, r)
				places(what, reflect.ValueOf(&c).Elem(), func(p string, v reflect.Value) {
					if p == path {
						mutate(t, v)
					}
				})
				all := slices.Clone(of(&block.Transactions[0].Scoring))
				all[j] = c
				s := source{blocks: slices.Clone(b.source.blocks)}
				s.blocks[i].Transactions = slices.Clone(s.blocks[i].Transactions)
				put(&s.blocks[i].Transactions[0].Scoring, all)
				do(path, s)
			})
		}
	}
}

func TestAnyChangeOfAnyRecordOfATaskIsFound(t *testing.T) {
	changed, step := 0, 1
	if testing.Short() {
		step = 7
	}
	for name, b := range benches(t) {
		do := func(path string, s source) {
			if changed++; changed%step != 0 {
				return
			}
			report, err := b.audited(t, s)
			if err == nil && report.OK() {
				t.Errorf("%s, %s: nothing was found", name, path)
			}
		}
		changes(t, b, "task", func(s *wire.ScoringRecords) []ledger.ScoringTask { return s.Tasks }, func(s *wire.ScoringRecords, v []ledger.ScoringTask) { s.Tasks = v }, do)
		changes(t, b, "commitment", func(s *wire.ScoringRecords) []ledger.Commitment { return s.Commitments }, func(s *wire.ScoringRecords, v []ledger.Commitment) { s.Commitments = v }, do)
		changes(t, b, "closing", func(s *wire.ScoringRecords) []ledger.Closing { return s.Closings }, func(s *wire.ScoringRecords, v []ledger.Closing) { s.Closings = v }, do)
		changes(t, b, "reveal", func(s *wire.ScoringRecords) []ledger.Reveal { return s.Reveals }, func(s *wire.ScoringRecords, v []ledger.Reveal) { s.Reveals = v }, do)
		changes(t, b, "provisional", func(s *wire.ScoringRecords) []ledger.Provisional { return s.Provisionals }, func(s *wire.ScoringRecords, v []ledger.Provisional) { s.Provisionals = v }, do)
		changes(t, b, "settlement", func(s *wire.ScoringRecords) []ledger.Settlement { return s.Settlements }, func(s *wire.ScoringRecords, v []ledger.Settlement) { s.Settlements = v }, do)
		changes(t, b, "final", func(s *wire.ScoringRecords) []ledger.FinalVerdict { return s.Finals }, func(s *wire.ScoringRecords, v []ledger.FinalVerdict) { s.Finals = v }, do)
		changes(t, b, "claim", func(s *wire.ScoringRecords) []ledger.Claim { return s.Claims }, func(s *wire.ScoringRecords, v []ledger.Claim) { s.Claims = v }, do)
	}
	t.Logf("%d changes", changed)
	if changed < 500 {
		t.Errorf("%d fields were changed", changed)
	}
}
