package protocolsim

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/peer"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// One ledger, task after task, everybody playing something else each time: credits balance, and a stake's record is the
// sum of its notes.
func TestCreditsBalanceAfterManySettlements(t *testing.T) {
	policy := DefaultPolicy()
	policy.MinStake, policy.Bond = 1, 1 // whoever has lost a lot plays on
	w, players := ruled(t, policy, 5, 24)
	r := rand.New(rand.NewPCG(7, 8))
	all := append([]Strategy{Honest, Honest, Honest}, Strategies()...)
	minted := ledger.Credits(0)
	for i, task := range w.Tasks {
		cast := slices.Clone(players)
		for k := 1; k < len(cast); k++ {
			cast[k].Strategy = all[r.IntN(len(all))]
		}
		out, err := w.Play(task, cast, Watch(r.Float64()), r)
		if err != nil {
			t.Fatalf("task %d: %v", i, err)
		}
		if out.Wrong || out.Sums.Minted < minted {
			t.Fatalf("task %d: %+v", i, out)
		}
		minted = out.Sums.Minted
		var atRisk ledger.Credits
		for _, p := range players {
			stake, err := w.Stake(p.Name)
			if err != nil {
				t.Fatal(err)
			}
			risk, err := stake.AtRisk()
			if err != nil {
				t.Fatal(err)
			}
			atRisk += risk
		}
		if out.Sums.Locked != atRisk {
			t.Fatalf("task %d: %d credits are locked, the stakes hold %d", i, out.Sums.Locked, atRisk)
		}
		w.Advance(3_600_000)
	}
	if _, sums, err := w.Holdings(); err != nil || sums.Burned == 0 {
		t.Error(sums, err)
	}
}

func operations(t *testing.T, w *World, who string, id ledger.Digest, answer ledger.TaskAnswer) (commit, reveal ledger.TaskOperation) {
	t.Helper()
	nonce := ledger.Digest{who[1]}
	own, err := wire.CommitmentOf(id, w.Account(who), answer, nonce)
	if err != nil {
		t.Fatal(err)
	}
	return ledger.TaskOperation{Commit: &ledger.CommitAnswer{Task: id, Commitment: own}},
		ledger.TaskOperation{Reveal: &ledger.RevealAnswer{Task: id, Answer: answer, Nonce: nonce}}
}

func do(t *testing.T, w *World, who string, op ledger.TaskOperation, code string) wire.Answer {
	t.Helper()
	answers, err := w.Score(who, op)
	if err != nil {
		t.Fatal(err)
	}
	if answers[0].Code != code {
		t.Fatalf("%s %s: %s %s, not %q", who, op.TaskKind(), answers[0].Code, answers[0].Message, code)
	}
	return answers[0]
}

// Scorers write keys of their own: their commitments and reveals share a block; what closes while another commits does not.
func TestScorersDoNotConflict(t *testing.T) {
	w, players := world(t, 4, 1)
	task := w.Tasks[0]
	id := do(t, w, "s0", ledger.TaskOperation{Open: &task.Statement}, "").Digest
	var who []string
	var commits, reveals []ledger.TaskOperation
	for _, p := range players {
		c, r := operations(t, w, p.Name, id, task.Truth.Answer)
		who, commits, reveals = append(who, p.Name), append(commits, c), append(reveals, r)
	}
	valid := func(codes []peer.TxValidationCode, err error) {
		t.Helper()
		if err != nil || slices.ContainsFunc(codes, func(c peer.TxValidationCode) bool { return c != peer.TxValidationCode_VALID }) {
			t.Fatal(codes, err)
		}
	}
	valid(w.Block(who[:3], commits[:3]...))
	w.Advance(w.Policy.CommitFor)
	codes, err := w.Block([]string{"s3", "s0"}, commits[3], ledger.TaskOperation{Close: &id})
	if err != nil || codes[0] != peer.TxValidationCode_VALID || codes[1] != peer.TxValidationCode_MVCC_READ_CONFLICT {
		t.Fatal(codes, err)
	}
	do(t, w, "s0", ledger.TaskOperation{Close: &id}, "")
	valid(w.Block(who, reveals...))
}

// What is left out of a task, and was recorded before its window closed, voids it; the right task is judged.
func TestATaskThatLeavesSomethingOutIsVoid(t *testing.T) {
	base, players := world(t, 4, 1)
	full := base.Tasks[1].Statement
	segments := full.References[3]
	segment := ledger.Reference{Kind: ledger.RefSegments, ID: segments.ID, Digest: base.Tasks[0].Statement.References[3].Digest}
	late := segments
	late.First = 1
	unknown := segment
	unknown.Digest[0]++
	for name, c := range map[string]struct {
		references []ledger.Reference
		window     uint32
		omitted    ledger.Reference
		at         uint32
		refused    map[*ledger.ChallengeTask]string
	}{
		"a segment": {
			[]ledger.Reference{full.References[0], full.References[1], full.References[2], late},
			0, segment, 3,
			map[*ledger.ChallengeTask]string{
				{Omitted: &segment, At: 9}: ledger.CodeSchema,
				{Omitted: &unknown, At: 3}: ledger.CodeConflict,
				{Omitted: &late, At: 3}:    ledger.CodeConflict,
			},
		},
		"an event": {
			[]ledger.Reference{full.References[0], full.References[1], segments},
			1, full.References[2], 2,
			map[*ledger.ChallengeTask]string{
				{Omitted: &full.References[1], At: 2}:                                               ledger.CodeConflict,
				{Omitted: &ledger.Reference{Kind: ledger.RefEvent, Digest: segments.Digest}, At: 2}: ledger.CodeNotFound,
				{Omitted: &full.References[2], At: 7}:                                               ledger.CodeSchema,
			},
		},
	} {
		w := base.Clone()
		short := full
		short.References, short.Window = c.references, c.window
		ruling, err := w.Judge(short)
		if err != nil || ruling.Fault != "" {
			t.Fatal(name, ruling.Fault, err)
		}
		short.Inputs = ruling.Inputs
		id := do(t, w, "s0", ledger.TaskOperation{Open: &short}, "").Digest
		for _, p := range players[:3] {
			commit, _ := operations(t, w, p.Name, id, ruling.Answer)
			do(t, w, p.Name, commit, "")
		}
		w.Advance(w.Policy.CommitFor)
		do(t, w, "s0", ledger.TaskOperation{Close: &id}, "")
		for _, p := range players[:3] {
			_, reveal := operations(t, w, p.Name, id, ruling.Answer)
			do(t, w, p.Name, reveal, "")
		}
		for challenge, code := range c.refused {
			challenge.Task = id
			do(t, w, "s3", ledger.TaskOperation{Challenge: challenge}, code)
		}
		before, _, err := w.Holdings()
		if err != nil {
			t.Fatal(err)
		}
		claim := ledger.TaskOperation{Challenge: &ledger.ChallengeTask{Task: id, Omitted: &c.omitted, At: c.at}}
		do(t, w, "s3", claim, "")
		do(t, w, "s0", ledger.TaskOperation{Settle: &ledger.SettleTask{Task: id, Verdict: &ruling.Verdict}}, ledger.CodeTaskTime)
		w.Advance(w.Policy.ChallengeFor)
		if a := do(t, w, "s0", ledger.TaskOperation{Settle: &ledger.SettleTask{Task: id, Verdict: &ruling.Verdict}}, ""); a.Message != ledger.SettledOmission.String() {
			t.Error(name, a.Message)
		}
		after, _, err := w.Holdings()
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range players {
			if before[w.Account(p.Name)] != after[w.Account(p.Name)] {
				t.Errorf("%s: %s has %d credits, before %d", name, p.Name, after[w.Account(p.Name)], before[w.Account(p.Name)])
			}
		}
		out, err := w.Play(w.Tasks[1], players, 1, rand.New(rand.NewPCG(1, 1)))
		if err != nil || out.Final == nil || out.Wrong {
			t.Fatal(name, out, err)
		}
	}
}

// What was recorded too shortly before the window closed, or after it, proves nothing: the task stands.
func TestAnEventThatMayBeLaterVoidsNoTask(t *testing.T) {
	w, players := world(t, 4, 1)
	task := w.Tasks[0]
	hashes := make([]ledger.Digest, 2)
	for i := range hashes {
		body, err := json.Marshal(map[string]any{
			"type": "ObjectEvent", "action": "OBSERVE", "epcList": []string{"urn:epc:id:sscc:9520001.3000000000"}, "bizStep": "inspecting",
			"eventTime": begin().Add(time.Duration(47+i) * time.Hour).Format(time.RFC3339), "eventTimeZoneOffset": "+00:00",
		})
		if err != nil {
			t.Fatal(err)
		}
		recorded, err := w.Record("rootA", wire.EventEntry{Body: body})
		if err != nil {
			t.Fatal(err)
		}
		hashes[i] = recorded[0]
		w.Advance(3_600_000)
	}
	id := do(t, w, "s0", ledger.TaskOperation{Open: &task.Statement}, "").Digest
	for _, p := range players {
		commit, _ := operations(t, w, p.Name, id, task.Truth.Answer)
		do(t, w, p.Name, commit, "")
	}
	do(t, w, "s0", ledger.TaskOperation{Close: &id}, "")
	for _, p := range players {
		_, reveal := operations(t, w, p.Name, id, task.Truth.Answer)
		do(t, w, p.Name, reveal, "")
	}
	for _, hash := range hashes {
		omitted := ledger.Reference{Kind: ledger.RefEvent, Digest: hash}
		for at := range uint32(4) {
			a, err := w.Score("s3", ledger.TaskOperation{Challenge: &ledger.ChallengeTask{Task: id, Omitted: &omitted, At: at}})
			if err != nil || a[0].Status != ledger.StatusRefused {
				t.Fatal(a, err)
			}
		}
	}
	do(t, w, "s0", ledger.TaskOperation{Settle: &ledger.SettleTask{Task: id, Verdict: &task.Truth.Verdict}}, "")
}

// A verdict of several is none where the scorers that are left are of two organisations, however many they are.
func TestTooFewOrganisationsOpenNoTask(t *testing.T) {
	w, _ := world(t, 6, 1) // of organisations A to D, A and B
	open := ledger.TaskOperation{Open: &w.Tasks[0].Statement}
	leave := ledger.TaskOperation{Register: &ledger.RegisterScorer{Leave: true}}
	do(t, w, "s2", leave, "")
	do(t, w, "s3", leave, "")
	do(t, w, "s0", open, ledger.CodeFewScorers)
	do(t, w, "s3", open, ledger.CodeFewScorers)
	w.Advance(w.Policy.MoveDelay())
	do(t, w, "s2", ledger.TaskOperation{Register: &ledger.RegisterScorer{}}, "")
	do(t, w, "s0", open, "")
}
