package ledger

import (
	"errors"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// Whatever less than half of the weight says, the median lies among what the others said.
func TestTheMedianIsNotMovedByAMinority(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(3, 20).Draw(t, "scorers")
		var weights []Credits
		var scores []int64
		for range n {
			weights = append(weights, 1)
			scores = append(scores, rapid.Int64Range(400_000, 600_000).Draw(t, "honest"))
		}
		for i := range (n - 1) / 2 {
			scores[i] = rapid.SampledFrom([]int64{0, million}).Draw(t, "liar")
		}
		b, err := BlendOf(panel(weights, scores), BlendPolicy{Cap: million})
		if err != nil || b.Score < 400_000 || b.Score > 600_000 {
			t.Fatalf("%+v, %v", b, err)
		}
	})
}

func TestARichScorerIsOneVoice(t *testing.T) {
	v := panel([]Credits{1_000_000, 10, 10, 10}, []int64{0, 500_000, 500_000, 500_000})
	rich, err := BlendOf(v, BlendPolicy{Cap: million})
	if err != nil || rich.Score != 0 {
		t.Fatalf("%+v, %v", rich, err)
	}
	even, err := BlendOf(v, BlendPolicy{Cap: 10})
	if err != nil || even.Score != 500_000 {
		t.Fatalf("%+v, %v", even, err)
	}
}

// Clipped, no organisation weighs more than its share of all, where there are enough for that; who is not clipped weighs
// its stake, and two scorers of one organisation weigh what one would with both stakes.
func TestNoOrganisationWeighsMoreThanItsShare(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := BlendPolicy{Cap: rapid.Uint64Range(1, million).Draw(t, "cap")}
		n := rapid.IntRange(1, 12).Draw(t, "scorers")
		v := TaskView{}
		stakes := map[string]Credits{}
		for i := range n {
			s := Seat{Account: Digest{byte(i)}, MSPID: rapid.SampledFrom([]string{"A", "B", "C", "D", "E"}).Draw(t, "organisation"), Weight: Credits(rapid.Uint64Range(1_000, 1_000_000_000).Draw(t, "stake"))}
			v.Task.Panel, v.Reveals = append(v.Task.Panel, s), append(v.Reveals, Reveal{Account: s.Account})
			stakes[s.MSPID] += s.Weight
		}
		weights, err := p.voices(v)
		if err != nil {
			t.Fatal(err)
		}
		var all Credits
		sums := map[string]Credits{}
		for i, w := range weights {
			if w == 0 || w > v.Task.Panel[i].Weight {
				t.Fatalf("a stake of %d weighs %d", v.Task.Panel[i].Weight, w)
			}
			all += w
			sums[v.Task.Panel[i].MSPID] += w
		}
		least := slices.Min(slices.Collect(func(yield func(Credits) bool) {
			for _, s := range stakes {
				if !yield(s) {
					return
				}
			}
		}))
		for msp, sum := range sums {
			if float64(sum) > float64(all)*float64(p.Cap)/million*(1+1e-9)+float64(2*n) && sum > least+Credits(n) {
				t.Fatalf("%s weighs %d of %d, the share is %d", msp, sum, all, p.Cap)
			}
			if sum+Credits(n) < min(stakes[msp], least) {
				t.Fatalf("%s weighs %d, the least stake is %d", msp, sum, least)
			}
		}
	})
	for _, huge := range []uint64{1, 999_999, million} {
		if got := (BlendPolicy{Cap: huge}).most([]Credits{MaxCredits, 64 * MaxCredits}); got == 0 {
			t.Error("nobody weighs anything")
		}
	}
	if got := (BlendPolicy{Cap: 400_000}).most([]Credits{1_000_000, 10, 10, 10}); got != 20 {
		t.Errorf("beside three of 10 the rich one weighs %d", got)
	}
}

// An organisation that splits its stake over several scorers moves the median no further.
func TestASplitStakeIsOneVoice(t *testing.T) {
	v := panel([]Credits{500, 500, 500, 100, 100, 100}, []int64{0, 0, 0, 800_000, 800_000, 800_000})
	for i := range 3 {
		v.Task.Panel[i].MSPID = "A"
	}
	b, err := BlendOf(v, BlendPolicy{Cap: 334_000})
	if err != nil || b.Score != 800_000 || b.Low != 0 || b.High != 800_000 || b.Count != 6 {
		t.Errorf("%+v, %v", b, err)
	}
}

// inspected is a ledger with one account, one event that organisation B recorded at 10, and the tests' policy.
type inspected struct {
	ScoringLedger

	later *FinalVerdict // on the window after
	mint  Credits       // the most that a task may mint
	event *EventRecord
}

func inspection() inspected {
	return inspected{mint: MaxCredits, event: &EventRecord{MSPID: "inspector", RecordedAt: 10}}
}

func (inspected) KeyBinding(Digest) (*KeyBinding, error) { return &KeyBinding{}, nil }

func (inspected) CreditAccount(Digest) (*CreditAccount, error) {
	return &CreditAccount{MSPID: "A", Binding: CreditBinding("A", Digest{})}, nil
}

func (l inspected) Event(Digest) (*EventRecord, error) { return l.event, nil }

func (l inspected) FinalVerdict(_ string, window uint32, _ string) (*FinalVerdict, error) {
	if l.later != nil && l.later.Window == window {
		return l.later, nil
	}
	return nil, nil //nolint:nilnil // nothing is final
}

func (l inspected) CreditPolicy() (*CreditPolicy, error) { return &CreditPolicy{TaskMint: l.mint}, nil }

func (inspected) ScoringPolicyVersion(uint32) (*ScoringPolicy, error) {
	p := taskPolicy()
	return &p, nil
}

// blended is a final blend of these.
func blended(weights []Credits, scores []int64) TaskView {
	v := panel(weights, scores)
	v.Task.Statement = TaskStatement{Shipment: "s", Window: 3}
	v.Settlement = &Settlement{By: SettledBlend, Answer: &TaskAnswer{}, Blend: &Blend{}, At: 10}
	return v
}

// paid is what each account gets, by its first byte.
func paid(t rapid.TB, v TaskView, spoiled bool, l inspected) (map[byte]Credits, Inspection) {
	t.Helper()
	d, err := InspectBlend(InspectTask{Event: Digest{1}}, found(spoiled), nil, v, l, Tx{Actor: Actor{MSPID: "A"}})
	if err != nil {
		t.Fatal(err)
	}
	out := map[byte]Credits{}
	if d.Reward != nil {
		for _, p := range d.Reward.Payments {
			out[p.To[0]] = p.Amount
		}
	}
	return out, *d.Inspection
}

// inspectedPanel draws stakes and what was said of a blend of at least three scorers.
func inspectedPanel(t *rapid.T) ([]Credits, []int64) {
	n := rapid.IntRange(3, 7).Draw(t, "scorers")
	var weights []Credits
	var scores []int64
	for range n {
		weights = append(weights, Credits(rapid.Uint64Range(100, 100_000).Draw(t, "stake")))
		scores = append(scores, rapid.Int64Range(0, million).Draw(t, "score"))
	}
	return weights, scores
}

// Whoever believes that a shipment is spoiled with some chance earns most by saying that chance, whatever others say and
// have at stake, who of them recorded the inspection and who stays silent.
func TestSayingWhatOneBelievesPaysBest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		belief := rapid.Int64Range(0, 100).Draw(t, "belief") // hundredths
		weights, scores := inspectedPanel(t)
		l := inspection()
		l.event = &EventRecord{RecordedAt: 10, MSPID: rapid.SampledFrom([]string{"B", "C", "inspector"}).Draw(t, "recorder")}
		silent := rapid.IntRange(0, len(weights)-1).Draw(t, "silent")
		pay := func(said int64) float64 {
			scores[0] = said
			v := blended(weights, scores)
			v.Reveals = v.Reveals[:len(v.Reveals)-silent]
			sound, _ := paid(t, v, false, l)
			spoiled, _ := paid(t, v, true, l)
			return (float64(belief)*float64(spoiled[0]) + float64(100-belief)*float64(sound[0])) / 100
		}
		at := belief * million / 100
		best := pay(at)
		for said := int64(0); said <= million; said += million / 20 {
			more := pay(said)
			if more > best+2e-6*float64(taskPolicy().Blend.Truth) {
				t.Fatalf("belief %d %%: saying %d pays %f, the belief %f", belief, said, more, best)
			}
			if far := math.Abs(float64(said - at)); far > million/4 && more >= best {
				t.Fatalf("belief %d %%: saying %d pays %f, as much as the belief", belief, said, more)
			}
		}
	})
}

// Friends who share what they earn lose by any of them being wrong for the others, and nothing is gained by splitting
// a stake; what is paid in all is bounded by half of the sum, whoever says what.
func TestNobodyGainsByAFriendsErrorOrASplitStake(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weights, scores := inspectedPanel(t)
		spoiled := rapid.Bool().Draw(t, "spoiled")
		v := blended(weights, scores)
		before, _ := paid(t, v, spoiled, inspection())
		var all Credits
		for _, p := range before {
			all += p
		}
		truth := taskPolicy().Blend.Truth
		if all > truth/2+truth/100_000 {
			t.Fatalf("%d of %d are paid", all, truth)
		}
		friends := rapid.IntRange(1, len(weights)-1).Draw(t, "friends")
		together := func(paid map[byte]Credits) (sum Credits) {
			for i := range friends {
				sum += paid[byte(i)]
			}
			return sum
		}
		worse := slices.Clone(scores)
		worse[0] = 0
		if !spoiled {
			worse[0] = million
		}
		after, _ := paid(t, blended(weights, worse), spoiled, inspection())
		if together(after) > together(before)+truth/100_000 {
			t.Fatalf("%d friends of %d got %d, with one of them wrong %d", friends, len(weights), together(before), together(after))
		}
		part := Credits(rapid.Uint64Range(1, uint64(weights[0])-1).Draw(t, "part"))
		split, _ := paid(t, blended(append([]Credits{part, weights[0] - part}, weights[1:]...), append([]int64{scores[0]}, scores...)), spoiled, inspection())
		if gained := split[0] + split[1]; gained > before[0]+truth/100_000 {
			t.Fatalf("a stake got %d, in two %d", before[0], gained)
		}
	})
}

// Who recorded the inspection is paid nothing, is measured by nothing, and what its scorers said moves nobody's pay.
func TestWhoRecordsAnInspectionIsNotPaidByIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weights, scores := inspectedPanel(t)
		v := blended(weights, scores)
		v.Task.Panel[1].MSPID = v.Task.Panel[0].MSPID // an organisation with two scorers
		l := inspection()
		l.event = &EventRecord{RecordedAt: 10, MSPID: v.Task.Panel[0].MSPID}
		spoiled := rapid.Bool().Draw(t, "spoiled")
		got, told := paid(t, v, spoiled, l)
		if got[0] != 0 || got[1] != 0 || told.MSPID != "A" || len(told.Losses) != len(weights)-2 {
			t.Fatalf("%v, %+v", got, told)
		}
		for i := range 2 {
			if (Reputation{Account: Digest{byte(i)}}).Inspect(told).Truths != 0 {
				t.Fatal("who recorded an inspection is measured by it")
			}
			v.Reveals[i].Answer.Score = rapid.Int64Range(0, million).Draw(t, "otherwise")
		}
		other, _ := paid(t, v, spoiled, l)
		for account, pay := range got {
			if other[account] != pay {
				t.Fatalf("%d gets %d and %d by what the recorder said", account, pay, other[account])
			}
		}
	})
}

func TestAnInspectionSpeaksOfTheLastWindowBeforeIt(t *testing.T) {
	sound := blended([]Credits{10, 10, 10}, []int64{0, 0, 0})
	for what, c := range map[string]struct {
		change func(v *TaskView, l *inspected)
		want   error
	}{
		"it does":                                       {func(*TaskView, *inspected) {}, nil},
		"the next window was final after it":            {func(_ *TaskView, l *inspected) { l.later = &FinalVerdict{Window: 4, At: 11} }, nil},
		"the next window was final before it":           {func(_ *TaskView, l *inspected) { l.later = &FinalVerdict{Window: 4, At: 9} }, ErrConflict},
		"a window was void, and the one after it final": {func(_ *TaskView, l *inspected) { l.later = &FinalVerdict{Window: 6, At: 9} }, ErrConflict},
		"there is no later window":                      {func(v *TaskView, _ *inspected) { v.Task.Statement.Window = math.MaxUint32 }, nil},
		"it came before the verdict":                    {func(_ *TaskView, l *inspected) { l.event.RecordedAt = 9 }, ErrTaskTime},
		"it was declared in error":                      {func(_ *TaskView, l *inspected) { l.event.DeclaredInError = true }, ErrUnknown},
		"it is not recorded":                            {func(_ *TaskView, l *inspected) { l.event = nil }, ErrUnknown},
		"the task is of one model":                      {func(v *TaskView, _ *inspected) { v.Settlement.By = SettledWindow }, ErrTaskState},
		"the task is not final":                         {func(v *TaskView, _ *inspected) { v.Settlement = nil }, ErrTaskState},
		"no task was opened":                            {func(v *TaskView, _ *inspected) { *v = TaskView{} }, ErrUnknown},
		"less may be minted now than was promised":      {func(_ *TaskView, l *inspected) { l.mint = 6 }, nil},
	} {
		v, l := sound, inspection()
		settlement := *sound.Settlement
		v.Settlement = &settlement
		v.Task.ID = Digest{9}
		c.change(&v, &l)
		d, err := InspectBlend(InspectTask{Event: Digest{1}}, found(false), nil, v, l, Tx{Actor: Actor{MSPID: "A"}})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v", what, err)
		}
		if c.want != nil {
			continue
		}
		var sum Credits
		for _, p := range d.Reward.Payments {
			sum += p.Amount
		}
		if sum > l.mint {
			t.Errorf("%s: %d are paid", what, sum)
		}
	}
}

// recalled is a ledger on which an artefact was revoked.
type recalled struct {
	standing
	artefact Digest
}

func (r recalled) Revocation(artefact Digest) (*Revocation, error) {
	if artefact != r.artefact {
		return nil, nil //nolint:nilnil // it was not
	}
	return &Revocation{Artefact: artefact}, nil
}

func TestARevokedModelsAnswerNeitherMovesTheMedianNorIsPaid(t *testing.T) {
	v := blended([]Credits{100, 100, 100}, []int64{0, 400_000, 1_000_000})
	for i := range v.Reveals {
		v.Reveals[i].Answer.Model = "m@" + Digest{byte(i + 1)}.String()
	}
	open := v
	open.Settlement = nil
	d, err := settleBlend(open, ScoringPolicy{Blend: BlendPolicy{Cap: million}}, recalled{artefact: Digest{1}}, Tx{})
	if err != nil || d.Final == nil {
		t.Fatalf("%+v %v", d, err)
	}
	first := v.Reveals[0].Account
	if b := d.Settlement.Blend; b.Count != 2 || b.Low != 400_000 || len(b.Blocked) != 1 || b.Blocked[0] != first {
		t.Errorf("joined to %+v", b)
	}
	v.Settlement.Blend = d.Settlement.Blend
	got, outcome := paid(t, v, false, inspection())
	if got[first[0]] != 0 || len(outcome.Losses) != 2 {
		t.Errorf("paid %v for %+v", got, outcome.Losses)
	}
	if first != v.Reveals[0].Account || len(v.Reveals) != 3 {
		t.Error("settling changed what was revealed")
	}
}

func found(spoiled bool) func() (bool, error) { return func() (bool, error) { return spoiled, nil } }
