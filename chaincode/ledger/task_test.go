package ledger

import (
	"errors"
	"math/rand/v2"
	"testing"
)

func taskStatement() TaskStatement {
	const device = "https://id.gs1.org/8004/9520002A"
	return TaskStatement{
		Shipment: "https://id.gs1.org/00/395200010000000014", Window: 2, Model: "m@1", Inputs: Digest{1},
		References: []Reference{
			{Kind: RefPolicy, ID: "cold", First: 1},
			{Kind: RefEvent, Digest: Digest{2}},
			{Kind: RefSegments, ID: device, First: 0, Last: 3, Digest: Digest{3}},
			{Kind: RefFinding, Finding: &Finding{Code: FindingCommissionedTwice, Event: Digest{4}}},
			{Kind: RefSegments, ID: device, First: 4, Last: 4, Digest: Digest{5}},
			{Kind: RefClosed, Finding: &Finding{Code: FindingCommissionedTwice, Event: Digest{4}, Change: FindingClosed}},
			{Kind: RefWithdrawn, Digest: Digest{2}},
		},
	}
}

func TestWhatIsNoTaskIsRefused(t *testing.T) {
	if err := CheckTask(taskStatement()); err != nil {
		t.Fatal(err)
	}
	ref := func(i int, change func(*Reference)) func(*TaskStatement) {
		return func(s *TaskStatement) { change(&s.References[i]) }
	}
	for what, c := range map[string]struct {
		change func(*TaskStatement)
		want   error
	}{
		"no shipment":           {func(s *TaskStatement) { s.Shipment = "" }, ErrSchema},
		"an EPC as a URN":       {func(s *TaskStatement) { s.Shipment = "urn:epc:id:sscc:9520001.3000000001" }, ErrSchema},
		"a model in two words":  {func(s *TaskStatement) { s.Model = "a b" }, ErrSchema},
		"begins afterwards":     {func(s *TaskStatement) { s.Begins = 3 }, ErrSchema},
		"no inputs":             {func(s *TaskStatement) { s.Inputs = Digest{} }, ErrSchema},
		"inputs without model":  {func(s *TaskStatement) { s.Model = "" }, ErrSchema},
		"no references":         {func(s *TaskStatement) { s.References = nil }, ErrTooLarge},
		"many references":       {func(s *TaskStatement) { s.References = make([]Reference, MaxTaskReferences+1) }, ErrTooLarge},
		"many segments":         {ref(4, func(r *Reference) { r.Last = r.First + MaxTaskSegments - 1 }), ErrTooLarge},
		"very many segments":    {ref(4, func(r *Reference) { r.Last = 1 << 61 }), ErrSchema},
		"a segment twice":       {ref(4, func(r *Reference) { r.First = 3 }), ErrSchema},
		"segments backwards":    {ref(4, func(r *Reference) { r.First, r.Last = 5, 4 }), ErrSchema},
		"segments by no device": {ref(4, func(r *Reference) { r.ID = "" }), ErrSchema},
		"segments undigested":   {ref(4, func(r *Reference) { r.Digest = Digest{} }), ErrSchema},
		"a policy's version 0":  {ref(0, func(r *Reference) { r.First = 0 }), ErrSchema},
		"a policy's long name":  {ref(0, func(r *Reference) { r.ID = "A b" }), ErrSchema},
		"an event with a range": {ref(1, func(r *Reference) { r.Last = 1 }), ErrSchema},
		"no event":              {ref(1, func(r *Reference) { r.Digest = Digest{} }), ErrSchema},
		"no finding":            {ref(3, func(r *Reference) { r.Finding = nil }), ErrSchema},
		"a closed one raised":   {ref(3, func(r *Reference) { r.Kind = RefClosed }), ErrSchema},
		"an unknown kind":       {ref(1, func(r *Reference) { r.Kind = 9 }), ErrSchema},
		"items out of order": {ref(1, func(r *Reference) {
			r.Containers = []Contained{{Item: "b", Container: "c"}, {Item: "a", Container: "c"}}
		}), ErrSchema},
		"many items": {ref(1, func(r *Reference) { r.Containers = make([]Contained, MaxTaskContained+1) }), ErrTooLarge},
	} {
		s := taskStatement()
		c.change(&s)
		if err := CheckTask(s); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", what, err)
		}
	}
	id := Digest{1}
	for what, op := range map[string]TaskOperation{
		"nothing":        {},
		"two things":     {Close: &id, Expire: &id},
		"no task":        {Close: &Digest{}},
		"no commitment":  {Commit: &CommitAnswer{Task: id}},
		"no answer":      {Reveal: &RevealAnswer{Task: id}},
		"a score beyond": {Reveal: &RevealAnswer{Task: id, Answer: TaskAnswer{Model: "m", Level: Clear, Score: million + 1, Trace: id, Verdict: id}}},
		"many omitted":   {Challenge: &ChallengeTask{Task: id, Omitted: &taskStatement().References[2]}},
		"containers":     {Challenge: &ChallengeTask{Task: id, Omitted: &Reference{Kind: RefEvent, Digest: id, Containers: []Contained{{Item: "a", Container: "b"}}}}},
		"a policy":       {Challenge: &ChallengeTask{Task: id, Omitted: &taskStatement().References[0]}},
		"two complaints": {Challenge: &ChallengeTask{Task: id, Omitted: &Reference{Kind: RefEvent, Digest: id}, Order: &Misplaced{Proof: []byte{1}}}},
		"no claimant":    {Refute: &RefuteClaim{Task: id, Proof: []byte{1}}},
		"no claim":       {Refute: &RefuteClaim{Account: id, Proof: []byte{1}}},
		"no verdict":     {Settle: &SettleTask{Task: id, Verdict: &Verdict{}}},
	} {
		if err := CheckTaskOperation(op); !errors.Is(err, ErrSchema) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, n := range []int{0, MaxProofBytes + 1} {
		for _, op := range []TaskOperation{
			{Refute: &RefuteClaim{Task: id, Account: id, Proof: make([]byte, n)}},
			{Challenge: &ChallengeTask{Task: id, Order: &Misplaced{Proof: make([]byte, n)}}},
		} {
			if err := CheckTaskOperation(op); !errors.Is(err, ErrTooLarge) {
				t.Errorf("a proof of %d bytes: %v", n, err)
			}
		}
	}
}

func taskPolicy() ScoringPolicy {
	return ScoringPolicy{
		Version: 1, MinStake: 100, CommitFor: minCommit, RevealFor: MinPhase, ChallengeFor: MinPhase, Reward: 10, Wrong: 200_000, Silent: 10_000, Bond: 10, Finder: 500_000,
		Blend: BlendPolicy{Cap: million, Truth: 1 << 40},
	}
}

func TestAPolicyThatInvitesAbuseIsRefused(t *testing.T) {
	if err := CheckScoringPolicy(taskPolicy()); err != nil {
		t.Fatal(err)
	}
	quick := taskPolicy()
	if quick.Skew, quick.RevealFor, quick.ChallengeFor = minSkew, 4*minSkew, 4*minSkew; CheckScoringPolicy(quick) != nil {
		t.Error("the least that clocks may differ is refused")
	}
	for what, change := range map[string]func(*ScoringPolicy){
		"version 0":                        func(p *ScoringPolicy) { p.Version = 0 },
		"no stake":                         func(p *ScoringPolicy) { p.MinStake = 0 },
		"a bond beyond the stake":          func(p *ScoringPolicy) { p.Bond = 101 },
		"no bond":                          func(p *ScoringPolicy) { p.Bond = 0 },
		"commitments of the nearest only":  func(p *ScoringPolicy) { p.CommitFor = minCommit - 1 },
		"commitments without an end":       func(p *ScoringPolicy) { p.CommitFor = maxPhase + 1 },
		"a phase that clocks may jump":     func(p *ScoringPolicy) { p.ChallengeFor = MinPhase - 1 },
		"a reveal that clocks may jump":    func(p *ScoringPolicy) { p.RevealFor = MinPhase - 1 },
		"clocks nearer than proposals go":  func(p *ScoringPolicy) { p.Skew = minSkew - 1 },
		"clocks further than any may be":   func(p *ScoringPolicy) { p.Skew = maxSkew + 1 },
		"clocks before the epoch":          func(p *ScoringPolicy) { p.Skew = -1 },
		"a challenge that small jumps end": func(p *ScoringPolicy) { p.Skew, p.RevealFor, p.ChallengeFor = 2_000, 8_000, 7_999 },
		"a phase for ever":                 func(p *ScoringPolicy) { p.RevealFor = maxPhase + 1 },
		"wrong answers for nothing":        func(p *ScoringPolicy) { p.Wrong, p.Silent = 0, 0 },
		"silence for nothing":              func(p *ScoringPolicy) { p.Silent = 0 },
		"silence dearer than a lie":        func(p *ScoringPolicy) { p.Silent = p.Wrong + 1 },
		"finders that get all":             func(p *ScoringPolicy) { p.Finder = maxFinder + 1 },
		"finders that get nothing":         func(p *ScoringPolicy) { p.Finder = 0 },
		"more than a million millionths":   func(p *ScoringPolicy) { p.Canary = million + 1 },
		"a blend in which nobody counts":   func(p *ScoringPolicy) { p.Blend.Cap = 0 },
		"own models that nothing pays for": func(p *ScoringPolicy) { p.Blend.Own, p.Blend.Truth = true, 0 },
		"rewards beyond what a note holds": func(p *ScoringPolicy) { p.Reward = MaxCredits },
	} {
		p := taskPolicy()
		change(&p)
		if err := CheckScoringPolicy(p); !errors.Is(err, ErrSchema) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// panel is a task that n scorers with these weights revealed these scores on.
func panel(weights []Credits, scores []int64) TaskView {
	v := TaskView{Task: ScoringTask{ID: Digest{9}}, Closing: &Closing{}}
	for i, w := range weights {
		account := Digest{byte(i)}
		v.Task.Panel = append(v.Task.Panel, Seat{Account: account, MSPID: string(rune('A' + i)), Weight: w})
		v.Task.Weight += w
		v.Closing.Committed = append(v.Closing.Committed, account)
		v.Reveals = append(v.Reveals, Reveal{Account: account, Answer: TaskAnswer{Score: scores[i], Level: Clear}, Nonce: account})
	}
	v.Closing.Weight = v.Task.Weight
	return v
}

func TestMoreThanTwoThirdsOfTheRevealedStakeIsAQuorum(t *testing.T) {
	for _, c := range []struct {
		weights []Credits
		scores  []int64
		want    bool
	}{
		{[]Credits{1, 1, 1}, []int64{1, 1, 2}, false}, // two thirds are not more than two thirds
		{[]Credits{1, 1, 1, 1}, []int64{1, 1, 1, 2}, true},
		{[]Credits{1, 1}, []int64{1, 2}, false},
		{[]Credits{5}, []int64{1}, true},
		{[]Credits{MaxCredits, MaxCredits, MaxCredits}, []int64{1, 1, 1}, true},
		{[]Credits{3, 1, 1}, []int64{1, 2, 2}, false},
		{[]Credits{200, 100, 1}, []int64{1, 2, 1}, true},
	} {
		tally, err := tallyOf(panel(c.weights, c.scores))
		if err != nil || tally.quorum() != c.want {
			t.Errorf("%v %v: %+v, %v", c.weights, c.scores, tally, err)
		}
	}
}

// The draw takes the share that the policy says, and everything that hides a nonce.
func TestTheDrawTakesItsShare(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	p := ScoringPolicy{Canary: 50_000}
	n := 0
	const rounds = 20_000
	for range rounds {
		v := panel([]Credits{1, 1}, []int64{1, 1})
		v.Reveals[1].Nonce[0], v.Reveals[1].Nonce[1], v.Reveals[1].Nonce[2] = byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32())
		if drawn(v, p) {
			n++
		}
	}
	if n < rounds*4/100 || n > rounds*6/100 {
		t.Errorf("%d of %d", n, rounds)
	}
	v := panel([]Credits{1, 1}, []int64{1, 1})
	v.Reveals = v.Reveals[:1]
	if !drawn(v, p) || drawn(v, ScoringPolicy{}) {
		t.Error("a nonce that is hidden avoids the draw")
	}
}

func TestReputationIsWhatTheTasksSay(t *testing.T) {
	v := panel([]Credits{1, 1, 1, 1}, []int64{1, 1, 2, 2})
	v.Closing.Committed = append(v.Closing.Committed, Digest{8})
	v.Settlement = &Settlement{By: SettledChallenge, Answer: &TaskAnswer{Score: 1}, Right: []Digest{{0}, {1}}, Wrong: []Digest{{2}}}
	for account, want := range map[Digest]Reputation{
		{0}: {Right: 1}, {2}: {Wrong: 1}, {3}: {Other: 1}, {8}: {Silent: 1}, {7}: {},
	} {
		want.Account = account
		if got := (Reputation{Account: account}).Settle(v); got != want {
			t.Errorf("%+v, not %+v", got, want)
		}
	}
	// Who reveals after the ruling is judged by it too.
	v = panel([]Credits{1, 1, 1}, []int64{1, 1, 2})
	v.Settlement = &Settlement{By: SettledChallenge, Answer: &v.Reveals[0].Answer, Right: []Digest{{0}}, Prover: &Digest{0}}
	for account, want := range map[Digest]Reputation{{1}: {Right: 1}, {2}: {Wrong: 1}} {
		want.Account = account
		if got := (Reputation{Account: account}).Settle(v); got != want {
			t.Errorf("%+v, not %+v", got, want)
		}
	}
	good, bad := Reputation{Right: 98}, Reputation{Right: 49, Wrong: 49}
	if good.Score() != 990_000 || bad.Score() != 500_000 || (Reputation{}).Score() != 500_000 {
		t.Error(good.Score(), bad.Score(), Reputation{}.Score())
	}
	seer := good.Inspect(Inspection{Losses: []Loss{{Account: Digest{}, Brier: 250_000}}})
	if seer.Truths != 1 || seer.Score() >= good.Score() {
		t.Errorf("%+v %d", seer, seer.Score())
	}
}

// reused is a ledger on which the windows of a container's journey before have final verdicts, by model.
type reused struct {
	standing

	finals map[string]uint32
	policy ScoringPolicy
	goesOn bool // the journey had not ended with the verdict of a model
}

func (r reused) FinalVerdict(_ string, window uint32, model string) (*FinalVerdict, error) {
	if last, ok := r.finals[model]; !ok || window != last {
		return nil, nil //nolint:nilnil // nothing is final
	}
	return &FinalVerdict{Window: window, Model: model, Task: Digest{5}, Ended: model != "" && !r.goesOn}, nil
}

func (reused) Statement(task Digest) (*TaskStatement, error) {
	if task != (Digest{5}) {
		return nil, nil //nolint:nilnil // it was not opened
	}
	return &TaskStatement{References: []Reference{{Kind: RefEvent, Digest: Digest{6}}}}, nil
}

func (r reused) ScoringPolicy() (*ScoringPolicy, error) { return &r.policy, nil }

// A container goes on its next journey whichever way its last one was judged: a vote between the two, by one model or by each
// scorer's own, strands none. Events of the journey before are not claimed of the next one.
func TestAContainersNextJourneyIsJudgedWhicheverWayItsLastWas(t *testing.T) {
	const model = "m@1"
	for what, c := range map[string]struct {
		own    bool
		finals map[string]uint32
		begins uint32
		want   error
	}{
		"by the same model":                   {false, map[string]uint32{model: 2}, 3, nil},
		"by scorers' own":                     {false, map[string]uint32{"": 2}, 3, nil},
		"by nobody":                           {false, nil, 3, ErrUnknown},
		"up to another window":                {false, map[string]uint32{model: 1, "": 1}, 3, ErrUnknown},
		"a first journey":                     {false, nil, 0, nil},
		"now by scorers' own":                 {true, map[string]uint32{model: 2}, 3, nil},
		"by scorers' own, and now by them":    {true, map[string]uint32{"": 2}, 3, nil},
		"the window itself by scorers' own":   {true, map[string]uint32{"": 3}, 3, ErrTaskState},
		"the window itself by the same model": {false, map[string]uint32{model: 3}, 3, ErrTaskState},
	} {
		s := TaskStatement{Shipment: "s", Window: 3, Begins: c.begins, Model: model, References: []Reference{{Kind: RefSegments, ID: "x", Digest: Digest{3}}}}
		l := reused{finals: c.finals, policy: taskPolicy()}
		l.policy.MinStake = 1
		if l.policy.Blend.Own = c.own; c.own {
			s.Model = ""
		}
		scorers := []Scorer{{Account: Digest{9}, MSPID: "A", Active: true}, {Account: Digest{8}, MSPID: "B", Active: true}, {Account: Digest{7}, MSPID: "C", Active: true}}
		d, err := OpenTask(s, Digest{1}, TaskView{}, scorers, l, Tx{ID: "x", Actor: Actor{MSPID: "A", Key: Digest{8}}})
		if !errors.Is(err, c.want) || (err == nil) != (d.Task != nil) {
			t.Errorf("%s: %v", what, err)
		}
		if err != nil || c.begins == 0 || c.own { // of a task of no model nothing is claimed
			continue
		}
		if err = s.notBefore(Reference{Kind: RefEvent, Digest: Digest{6}}, l); !errors.Is(err, ErrCommitment) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
