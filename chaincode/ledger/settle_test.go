package ledger

import (
	"errors"
	"testing"
)

// court is a ledger on which account 9 challenges with 10 credits at stake, and every segment is recorded.
type court struct {
	ScoringLedger

	mint Credits
}

func (court) KeyBinding(Digest) (*KeyBinding, error) { return &KeyBinding{Account: Digest{9}}, nil }

func (court) CreditAccount(id Digest) (*CreditAccount, error) {
	return &CreditAccount{ID: id, MSPID: "A", Binding: CreditBinding("A", Digest{8})}, nil
}

func (court) Stake(account Digest) (*Stake, error) {
	return &Stake{Account: account, Bonded: 10}, nil
}

func (court) FinalVerdict(string, uint32, string) (*FinalVerdict, error) { return nil, nil } //nolint:nilnil // nothing is final

func (court) SegmentOf(string, uint64) (*SegmentRecord, error) {
	return &SegmentRecord{TxID: "t", Digest: Digest{3}}, nil
}

func (court) ScoringPolicyVersion(uint32) (*ScoringPolicy, error) {
	p := taskPolicy()
	return &p, nil
}

func (c court) CreditPolicy() (*CreditPolicy, error) { return &CreditPolicy{TaskMint: c.mint}, nil }

// A claim is re-executed with room for what it adds; what is more than that was so before, and is void.
func TestWhatIsSaidToBeLeftOutIsReExecuted(t *testing.T) {
	s := taskStatement()
	s.References = s.References[:5]
	s.References[2].First = 1 // segment 0 is left out
	v := TaskView{
		Task: ScoringTask{ID: Digest{7}, Statement: s, Policy: 1, Panel: []Seat{{Account: Digest{1}, Weight: 10}, {Account: Digest{9}, Weight: 10}}}, Closing: &Closing{Committed: []Digest{{1}}},
		Reveals: []Reveal{{Account: Digest{1}}},
	}
	op := ChallengeTask{Task: v.Task.ID, At: 2, Omitted: &Reference{Kind: RefSegments, ID: s.References[2].ID, Digest: Digest{3}}}
	tx := Tx{ID: "x", Actor: Actor{MSPID: "A", Key: Digest{8}}}
	for what, c := range map[string]struct {
		ruling Ruling
		want   error
		void   bool
	}{
		"it changes what is judged":      {Ruling{Inputs: Digest{2}}, nil, false},
		"it changes nothing":             {Ruling{Inputs: s.Inputs}, ErrCommitment, false},
		"it makes it no window":          {Ruling{Fault: "no window", Blame: true}, nil, false},
		"it was more than can be judged": {Ruling{Fault: "71 MiB of packs"}, nil, true},
	} {
		room := 0
		d, err := ChallengeTaskOf(op, v, func(_ TaskStatement, packBytes int) (Ruling, error) { room = packBytes; return c.ruling, nil }, nil, court{}, tx)
		if !errors.Is(err, c.want) || room != MaxTaskPackBytes+MaxArgumentBytes {
			t.Errorf("%s: %v, in %d bytes", what, err, room)
		}
		claim := d.Claim != nil && d.Claim.Before == 2 && d.Claim.Omitted.ID == op.Omitted.ID
		void := d.Settlement != nil && d.Settlement.By == SettledNoWindow && d.Settlement.Answer == nil && len(d.Slashes)+len(d.Settlement.Wrong) == 0
		if claim != (err == nil && !c.void) || void != c.void {
			t.Errorf("%s: %+v", what, d)
		}
	}
}

// A challenge that shows that a list is more than can be re-executed costs nobody anything: neither who judged it, nor who says so.
func TestAListThatIsTooLargeToBeReExecutedIsVoidAndCostsNobody(t *testing.T) {
	v := panel([]Credits{10, 10, 10}, []int64{1, 1, 1})
	v.Task.Policy, v.Task.Statement.Model = 1, "m@"+Digest{1}.String()
	for what, c := range map[string]struct {
		ruling Ruling
		void   bool
		slash  string
	}{
		"too large":     {Ruling{Fault: "65 MiB of packs"}, true, ""},
		"no window":     {Ruling{Fault: "no window", Blame: true}, true, "wrong"},
		"right":         {Ruling{Answer: v.Reveals[0].Answer}, false, "challenge"},
		"other answers": {Ruling{Answer: TaskAnswer{Score: 2}}, false, "wrong"},
	} {
		d, err := ChallengeTaskOf(ChallengeTask{Task: v.Task.ID}, v, func(_ TaskStatement, packBytes int) (Ruling, error) {
			if packBytes != MaxTaskPackBytes {
				t.Errorf("%s: in %d bytes", what, packBytes)
			}
			return c.ruling, nil
		}, nil, standing{}, Tx{ID: "x", Actor: Actor{MSPID: "A", Key: Digest{8}}})
		if err != nil || (d.Settlement != nil) != c.void || (len(d.Slashes) > 0) != (c.slash != "") {
			t.Errorf("%s: %+v %v", what, d, err)
		}
		for _, s := range d.Slashes {
			if s.Fault != c.slash+"/"+v.Task.ID.String() {
				t.Errorf("%s: %+v", what, s)
			}
		}
	}
}

// A claim is taken while the answer may be challenged and not after; until there is a provisional one, at any time.
func TestClaimsEndWithTheTimeToChallenge(t *testing.T) {
	s := taskStatement()
	s.References = s.References[:5]
	s.References[2].First = 1 // segment 0 is left out
	v := TaskView{
		Task:    ScoringTask{ID: Digest{7}, Statement: s, Policy: 1, Panel: []Seat{{Account: Digest{1}, Weight: 10}, {Account: Digest{9}, Weight: 10}}},
		Closing: &Closing{Committed: []Digest{{1}}}, Reveals: []Reveal{{Account: Digest{1}}},
	}
	op := ChallengeTask{Task: v.Task.ID, At: 2, Omitted: &Reference{Kind: RefSegments, ID: s.References[2].ID, Digest: Digest{3}}}
	rule := func(TaskStatement, int) (Ruling, error) { return Ruling{Inputs: Digest{2}}, nil }
	const at, late = Millis(5), Millis(5) + MinPhase
	for what, c := range map[string]struct {
		provisional *Provisional
		claims      []Claim
		now         Millis
		want        error
		status      Status
	}{
		"no provisional answer":            {nil, nil, 1000 * late, nil, StatusRecorded},
		"the last moment":                  {&Provisional{At: at}, nil, late - 1, nil, StatusRecorded},
		"too late":                         {&Provisional{At: at}, nil, late, ErrTaskTime, 0},
		"too late after a ruling":          {&Provisional{At: at, By: SettledDraw}, nil, late, ErrTaskTime, 0},
		"in time after a ruling":           {&Provisional{At: at, By: SettledDraw}, nil, late - 1, nil, StatusRecorded},
		"the same claim again, afterwards": {&Provisional{At: at}, []Claim{{Account: Digest{9}, Omitted: *op.Omitted, Before: 2}}, late, nil, StatusDuplicate},
	} {
		v.Provisional, v.Claims = c.provisional, c.claims
		d, err := ChallengeTaskOf(op, v, rule, nil, court{}, Tx{ID: "x", Time: c.now, Actor: Actor{MSPID: "A", Key: Digest{8}}})
		if !errors.Is(err, c.want) || d.Status != c.status {
			t.Errorf("%s: %v %+v", what, err, d)
		}
	}
}

func TestNoTaskPaysMoreThanMayBeMintedNow(t *testing.T) {
	for _, c := range []struct{ reward, mint, want Credits }{{10, 100, 10}, {10, 10, 10}, {10, 4, 4}, {10, 0, 0}} {
		got, err := mintable(c.reward, court{mint: c.mint})
		if err != nil || got != c.want {
			t.Errorf("of %d with at most %d: %d, %v", c.reward, c.mint, got, err)
		}
	}
}
