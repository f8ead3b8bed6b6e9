package ledger

import (
	"errors"
	"slices"
	"testing"
)

// A later journey begins where one had ended: no task says of a window under way that it is the first of another journey, whose
// list would lack what the window rests on. Of a blend the ledger does not know it.
func TestALaterJourneyBeginsWhereTheOneBeforeEnded(t *testing.T) {
	for what, c := range map[string]struct {
		finals map[string]uint32
		goesOn bool
		begins uint32
		want   error
	}{
		"a first journey":              {nil, true, 0, nil},
		"after one that ended":         {map[string]uint32{"m@1": 2}, false, 3, nil},
		"within one":                   {map[string]uint32{"m@1": 2}, true, 3, ErrTaskState},
		"before anything was final":    {map[string]uint32{"m@1": 1}, false, 3, ErrUnknown},
		"after a blend":                {map[string]uint32{"": 2}, true, 3, nil},
		"within one, and after blends": {map[string]uint32{"": 2, "m@1": 2}, true, 3, ErrTaskState},
	} {
		s := TaskStatement{Shipment: "s", Window: 3, Begins: c.begins, Model: "m@1"}
		if err := s.follows(reused{finals: c.finals, goesOn: c.goesOn}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// later is a task of a container's later journey, of which accounts 1 and 2 revealed answers and 9 committed to nothing.
func later(begins uint32, references ...Reference) TaskView {
	return TaskView{
		Task: ScoringTask{
			ID: Digest{7}, Policy: 1, Panel: []Seat{{Account: Digest{1}, Weight: 10}, {Account: Digest{2}, Weight: 10}, {Account: Digest{9}, Weight: 10}},
			Statement: TaskStatement{Shipment: "s", Window: 3, Begins: begins, Model: "m@1", Inputs: Digest{1}, References: references},
		},
		Closing: &Closing{Committed: []Digest{{1}, {2}}}, Reveals: []Reveal{{Account: Digest{1}}, {Account: Digest{2}}},
	}
}

func eventNamed(n byte) Reference {
	return Reference{Kind: RefEvent, Digest: Digest{n}}
}

// A list does not begin a later journey with an event that the log has before the end of the one before: it is void then, and costs
// all who answered it.
func TestAListOfALaterJourneyBeginsAfterTheOneBefore(t *testing.T) {
	tx := Tx{ID: "x", Actor: Actor{MSPID: "A", Key: Digest{8}}}
	for what, c := range map[string]struct {
		place  int // of event 2 in the log: 11 is the end of the journey before
		first  uint32
		begins uint32
		finals map[string]uint32
		agree  []string
		want   error
	}{
		"before":                          {5, 1, 3, map[string]uint32{"m@1": 2}, []string{"A", "C"}, nil},
		"before, after a blend":           {5, 1, 3, map[string]uint32{"": 2}, []string{"A", "C"}, nil},
		"after":                           {15, 1, 3, map[string]uint32{"m@1": 2}, []string{"A", "C"}, ErrCommitment},
		"under a root of one keeper":      {5, 1, 3, map[string]uint32{"m@1": 2}, []string{"A"}, ErrNotAnchored},
		"of what begins no journey":       {5, 2, 3, map[string]uint32{"m@1": 2}, []string{"A", "C"}, ErrCommitment},
		"of a first journey":              {5, 1, 0, nil, []string{"A", "C"}, ErrSchema},
		"of what is not listed":           {5, 9, 3, map[string]uint32{"m@1": 2}, []string{"A", "C"}, ErrSchema},
		"of what has no place":            {5, 0, 3, map[string]uint32{"m@1": 2}, []string{"A", "C"}, ErrSchema},
		"the journey before has no final": {5, 1, 3, nil, []string{"A", "C"}, ErrUnknown},
	} {
		l := ended{again{newLogged(), reused{finals: c.finals}}}
		l.agree = c.agree
		l.at = map[LogFact]int{{Event: Digest{3}}: 11, {Event: Digest{2}}: c.place, {Event: Digest{4}}: 5}
		v := later(c.begins, Reference{Kind: RefPolicy, ID: "p", First: 1}, eventNamed(2), eventNamed(4))
		op := ChallengeTask{Task: v.Task.ID, Order: &Misplaced{First: c.first, Former: true, Proof: []byte{1}}}
		if err := CheckTaskOperation(TaskOperation{Challenge: &op}); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		d, err := ChallengeTaskOf(op, v, func(TaskStatement, int) (Ruling, error) { return Ruling{Opened: 1}, nil }, l.order, l, tx)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v", what, err)
		}
		if err == nil && (d.Settlement == nil || d.Settlement.By != SettledNoWindow || len(d.Settlement.Wrong) != 2 || len(d.Slashes) != 2) {
			t.Errorf("%s: %+v", what, d)
		}
	}
	op := ChallengeTask{Task: Digest{7}, Order: &Misplaced{First: 1, Second: 2, Former: true, Proof: []byte{1}}}
	if err := CheckTaskOperation(TaskOperation{Challenge: &op}); !errors.Is(err, ErrSchema) {
		t.Error(err)
	}
}

// ended is a ledger whose journey before ended with event 3.
type ended struct{ again }

func (ended) Statement(Digest) (*TaskStatement, error) {
	return &TaskStatement{Window: 2, References: []Reference{eventNamed(1), eventNamed(3)}}, nil
}

// What closed the last window of the journey before may have no place in the log, and what is listed before that may be anything.
func TestNothingIsShownByWhatDidNotCloseTheJourneyBefore(t *testing.T) {
	l := again{newLogged(), reused{finals: map[string]uint32{"m@1": 2}}} // it ends with a declaration of error
	l.agree = []string{"A", "C"}
	l.at = map[LogFact]int{{Device: "x", Segment: 1}: 11, {Event: Digest{2}}: 5}
	v := later(3, eventNamed(2))
	op := ChallengeTask{Task: v.Task.ID, Order: &Misplaced{Former: true, Proof: []byte{1}}}
	d, err := ChallengeTaskOf(op, v, func(TaskStatement, int) (Ruling, error) { return Ruling{}, nil }, l.order, l, Tx{ID: "x", Actor: Actor{MSPID: "A", Key: Digest{8}}})
	if !errors.Is(err, ErrCommitment) {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestAListThatBeginsWithTheEndOfTheJourneyBeforeNeedsNoProof(t *testing.T) {
	l := ended{again{newLogged(), reused{finals: map[string]uint32{"m@1": 2}}}}
	v := later(3, eventNamed(3), eventNamed(4))
	op := ChallengeTask{Task: v.Task.ID, Order: &Misplaced{Former: true}}
	if err := CheckTaskOperation(TaskOperation{Challenge: &op}); err != nil {
		t.Error(err)
	}
	d, err := ChallengeTaskOf(op, v, func(TaskStatement, int) (Ruling, error) { return Ruling{}, nil }, l.order, l, Tx{ID: "x", Actor: Actor{MSPID: "A", Key: Digest{8}}})
	if err != nil || d.Settlement == nil || len(d.Slashes) != 2 {
		t.Errorf("%+v, %v", d, err)
	}
}

// What came after the last final verdict of a journey and gave it a window more is claimed against a list that has the next journey
// begin with that window. The log refutes it if it came after that journey had begun.
func TestWhatGaveTheJourneyBeforeAWindowMoreIsClaimed(t *testing.T) {
	tx := Tx{ID: "x", Actor: Actor{MSPID: "A", Key: Digest{8}}}
	for what, c := range map[string]struct {
		place   int // of segment 1 of y: 11 is the end of the journey before, 20 and 30 what is listed
		at      uint32
		fault   string
		want    error
		refuted bool
	}{
		"it closes a window":             {15, 1, "", nil, false},
		"it closes one, and came later":  {25, 1, "", nil, true},
		"it closes none":                 {15, 1, "none", ErrCommitment, false},
		"of what the verdict rests on":   {5, 1, "", ErrCommitment, false},
		"after an event of this journey": {25, 2, "", ErrSchema, false},
	} {
		l := again{newLogged(), reused{finals: map[string]uint32{"m@1": 2}}}
		l.agree = []string{"A", "C"}
		l.at = map[LogFact]int{{Device: "x", Segment: 1}: 11, {Device: "y", Segment: 1}: c.place, {Event: Digest{2}}: 20, {Event: Digest{4}}: 30}
		v := later(3, Reference{Kind: RefPolicy, ID: "p", First: 1}, eventNamed(2), eventNamed(4))
		omitted := Reference{Kind: RefSegments, ID: "y", First: 1, Last: 1, Digest: Digest{8}}
		op := ChallengeTask{Task: v.Task.ID, Omitted: &omitted, At: c.at, Since: []byte{1}, Late: true}
		rule := func(s TaskStatement, _ int) (Ruling, error) {
			last := s.References[len(s.References)-1]
			if last.ID != "y" { // the task's own list with it
				return Ruling{Opened: slices.IndexFunc(s.References, func(r Reference) bool { return r.Digest == Digest{2} })}, nil
			}
			if s.Window != 3 || s.Begins != 0 || s.Model != "m@1" {
				t.Errorf("%s: %+v is re-executed", what, s)
			}
			return Ruling{Fault: c.fault, Blame: true}, nil
		}
		d, err := ChallengeTaskOf(op, v, rule, l.order, told{l}, tx)
		if !errors.Is(err, c.want) || (err == nil) != (d.Claim != nil && d.Claim.Late && d.Claim.Since) {
			t.Errorf("%s: %v %+v", what, err, d.Claim)
		}
		if err != nil {
			continue
		}
		v.Claims = []Claim{*d.Claim}
		d, err = RefuteClaimOf(RefuteClaim{Task: v.Task.ID, Account: Digest{9}, Reference: 1}, v, l.order, l, tx)
		if c.refuted != (err == nil && d.Claim.Refuted != nil) || !c.refuted && !errors.Is(err, ErrCommitment) {
			t.Errorf("%s: refuted: %v %+v", what, err, d.Claim)
		}
	}
	device := Reference{Kind: RefSegments, ID: "https://id.gs1.org/8004/9520002A", Digest: Digest{1}}
	for what, op := range map[string]ChallengeTask{
		"without a proof": {Task: Digest{1}, Omitted: &device, Late: true},
		"of nothing":      {Task: Digest{1}, Since: []byte{1}, Late: true},
		"of the order":    {Task: Digest{1}, Late: true, Order: &Misplaced{Proof: []byte{1}}},
	} {
		if err := CheckTaskOperation(TaskOperation{Challenge: &op}); !errors.Is(err, ErrSchema) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// told is a ledger on which the segments are recorded that are claimed.
type told struct{ again }

func (told) SegmentOf(string, uint64) (*SegmentRecord, error) {
	return &SegmentRecord{Digest: Digest{8}, TxID: "t"}, nil
}

func TestAnEventIsListedOnce(t *testing.T) {
	s := taskStatement()
	s.References = append(s.References, eventNamed(77), Reference{Kind: RefWithdrawn, Digest: Digest{77}})
	if err := CheckTask(s); err != nil {
		t.Fatal(err)
	}
	s.References = append(s.References, eventNamed(77))
	if err := CheckTask(s); !errors.Is(err, ErrSchema) {
		t.Error(err)
	}
}
