package ledger

import (
	"cmp"
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// logged is a ledger whose proof log has facts at places; of n keepers some have anchored its root.
type logged struct {
	court

	at      map[LogFact]int
	keepers []string
	agree   []string
}

func logRoot() Root {
	return Root{Channel: "c", Genesis: Digest{1}, Height: 9, Block: Digest{2}, Size: 99, Hash: Digest{3}}
}

func (l logged) Rulebook() (Rulebook, error) {
	var book Rulebook
	book.Rules.Keepers = l.keepers
	return book, nil
}

func (l logged) Anchor(height uint64, mspID string) (*Anchor, error) {
	root := logRoot()
	if height != root.Height || !slices.Contains(l.keepers, mspID) {
		return nil, nil //nolint:nilnil // not anchored
	}
	if !slices.Contains(l.agree, mspID) {
		root.Hash[0]++ // it anchored another
	}
	return &Anchor{Root: root, MSPID: mspID}, nil
}

var errShown = errors.New("of other facts")

func (l logged) order(_ []byte, first, second LogFact) (bool, Root, error) {
	a, known := l.at[first]
	b, too := l.at[second]
	if !known || !too {
		return false, Root{}, refuse(ErrProof, "%s", errShown)
	}
	return a < b, logRoot(), nil
}

func newLogged() logged {
	return logged{at: map[LogFact]int{}, keepers: []string{"A", "B", "C"}, agree: []string{"A", "C"}}
}

// listed draws a list of what the log has, in its order, and what the log has beside it. Runs of a device's segments are
// spans, as in lists of scorers.
func listed(t *rapid.T, l logged) (s TaskStatement, others []Reference) {
	next := map[string]uint64{}
	for place := range rapid.IntRange(2, 24).Draw(t, "facts") {
		r := Reference{Kind: RefEvent, Digest: Digest{byte(place), 1}}
		fact := LogFact{Event: r.Digest}
		if rapid.Bool().Draw(t, "segment") {
			device := rapid.SampledFrom([]string{"x", "y"}).Draw(t, "device")
			r = Reference{Kind: RefSegments, ID: device, First: next[device], Last: next[device], Digest: Digest{3}}
			fact = LogFact{Device: device, Segment: next[device]}
			next[device]++
		}
		l.at[fact] = place
		switch last := len(s.References) - 1; {
		case rapid.IntRange(0, 3).Draw(t, "left out") == 0:
			others = append(others, r)
			continue
		case rapid.IntRange(0, 4).Draw(t, "placeless") == 0:
			s.References = append(s.References, Reference{Kind: RefPolicy, ID: "p", First: 1})
			fallthrough
		default:
			if last >= 0 && r.Kind == RefSegments && s.References[len(s.References)-1].ID == r.ID && s.References[len(s.References)-1].Last+1 == r.First {
				s.References[len(s.References)-1].Last++
				continue
			}
			s.References = append(s.References, r)
		}
	}
	s.Begins = uint32(rapid.IntRange(0, 1).Draw(t, "begins"))
	return s, others
}

// spot is a reference, and of a span a segment.
type spot struct {
	at      uint32
	segment uint64
}

// spots lists all that a statement names and the log has, as it lists them.
func (s TaskStatement) spots() (out []spot) {
	for i, r := range s.References {
		switch r.Kind {
		case RefEvent, RefElsewhere:
			out = append(out, spot{at: uint32(i)})
		case RefSegments:
			for seq := r.First; seq <= r.Last; seq++ {
				out = append(out, spot{uint32(i), seq})
			}
		case RefPolicy, RefFinding, RefClosed, RefWithdrawn:
		}
	}
	return out
}

// A claim is refuted if and only if the log has something listed on the other side of it than the claim: whoever names the
// true place is never refuted, whoever names another always.
func TestAClaimIsRefutedIfAndOnlyIfItsPlaceIsNotTheLogs(t *testing.T) {
	refuted, stood := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		l := newLogged()
		s, others := listed(t, l)
		if len(others) == 0 || len(s.spots()) == 0 {
			return
		}
		claim := Claim{Task: Digest{7}, Account: Digest{9}, Omitted: rapid.SampledFrom(others).Draw(t, "omitted")}
		spots := s.spots()
		where := rapid.SampledFrom(spots).Draw(t, "place")
		claim.Before = where.at
		if r := s.References[where.at]; where.segment > r.First {
			claim.Segment = where.segment
		}
		place, first := l.at[claim.fact()], -1
		wrong := false
		for _, p := range spots {
			fact, err := s.located(p.at, p.segment)
			if err != nil {
				t.Fatal(err)
			}
			if first < 0 {
				first = l.at[fact]
			}
			listedBefore := cmp.Or(cmp.Compare(p.at, where.at), cmp.Compare(p.segment, where.segment)) < 0
			wrong = wrong || listedBefore != (l.at[fact] < place)
		}
		wrong = wrong || s.Begins > 0 && claim.Omitted.Kind == RefEvent && place < first
		v := TaskView{Task: ScoringTask{ID: Digest{7}, Statement: s, Policy: 1, Panel: []Seat{{Account: Digest{9}, Weight: 1_000}}}, Claims: []Claim{claim}}
		found := false
		for _, p := range spots {
			d, err := RefuteClaimOf(RefuteClaim{Task: v.Task.ID, Account: claim.Account, Reference: p.at, Segment: p.segment}, v, l.order, l, Tx{ID: "x", Actor: Actor{MSPID: "A", Key: Digest{8}}})
			switch {
			case err == nil && d.Claim != nil && d.Claim.Refuted != nil && len(d.Slashes) == 1 && d.Slashes[0].Amount == 200:
				found = true
			case !errors.Is(err, ErrCommitment):
				t.Fatal(d, err)
			}
		}
		if found != wrong {
			t.Fatalf("refuted %t, wrong %t: %+v of %+v in %v", found, wrong, claim, s, l.at)
		}
		if found {
			refuted++
		} else {
			stood++
		}
	})
	if refuted == 0 || stood == 0 {
		t.Error(refuted, stood)
	}
}

// A list in the log's order cannot be shown to be in another; one in which two facts have changed places can.
func TestAListIsShownToBeInAnotherOrderIfAndOnlyIfItIs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := newLogged()
		s, _ := listed(t, l)
		spots := s.spots()
		if len(spots) < 2 {
			return
		}
		v := TaskView{
			Task:    ScoringTask{ID: Digest{7}, Statement: s, Policy: 1, Panel: []Seat{{Account: Digest{1}, Weight: 1_000}}},
			Closing: &Closing{Committed: []Digest{{1}}}, Reveals: []Reveal{{Account: Digest{1}}},
		}
		i := rapid.IntRange(0, len(spots)-2).Draw(t, "first")
		k := rapid.IntRange(i+1, len(spots)-1).Draw(t, "second")
		op := ChallengeTask{Task: v.Task.ID, Order: &Misplaced{First: spots[i].at, FirstSegment: spots[i].segment, Second: spots[k].at, SecondSegment: spots[k].segment, Proof: []byte{1}}}
		challenge := func() (TaskDecision, error) {
			v.Task.Statement.Model = "m@1"
			return ChallengeTaskOf(op, v, nil, l.order, l, Tx{ID: "x", Actor: Actor{MSPID: "A", Key: Digest{8}}})
		}
		if d, err := challenge(); !errors.Is(err, ErrCommitment) {
			t.Fatal(d, err)
		}
		first, err := s.located(spots[i].at, spots[i].segment)
		if err != nil {
			t.Fatal(err)
		}
		second, err := s.located(spots[k].at, spots[k].segment)
		if err != nil {
			t.Fatal(err)
		}
		l.at[first], l.at[second] = l.at[second], l.at[first]
		d, err := challenge()
		if err != nil || d.Settlement == nil || d.Settlement.By != SettledNoWindow || len(d.Slashes) != 1 || d.Slashes[0].Fault != "wrong/"+v.Task.ID.String() || *d.Slashes[0].To != (Digest{9}) {
			t.Fatal(d, err)
		}
		op.Order.First, op.Order.Second, op.Order.FirstSegment, op.Order.SecondSegment = op.Order.Second, op.Order.First, op.Order.SecondSegment, op.Order.FirstSegment
		if _, err = challenge(); !errors.Is(err, ErrSchema) {
			t.Fatal(err)
		}
	})
}

func TestMoreThanHalfOfTheKeepersVouchForARoot(t *testing.T) {
	for _, c := range []struct {
		keepers, agree []string
		want           error
	}{
		{nil, nil, ErrKeepers},
		{[]string{"A"}, nil, ErrNotAnchored},
		{[]string{"A"}, []string{"A"}, nil},
		{[]string{"A", "B"}, []string{"A"}, ErrNotAnchored},
		{[]string{"A", "B", "C"}, []string{"B"}, ErrNotAnchored},
		{[]string{"A", "B", "C"}, []string{"B", "C"}, nil},
		{[]string{"A", "B", "C"}, []string{"B", "X", "Y"}, ErrNotAnchored}, // others' roots count for nothing
		{[]string{"A", "B", "C", "D"}, []string{"A", "D"}, ErrNotAnchored},
	} {
		l := logged{keepers: c.keepers, agree: c.agree}
		if err := anchoredBy(logRoot(), l); !errors.Is(err, c.want) {
			t.Errorf("%v of %v: %v", c.agree, c.keepers, err)
		}
	}
	l := newLogged()
	other := logRoot()
	other.Size++
	if err := anchoredBy(other, l); !errors.Is(err, ErrNotAnchored) {
		t.Error(err)
	}
}

// Settling waits while a claim may be refuted, whatever else; it voids when one was not, and goes on when all were.
func TestATaskIsSettledAfterItsClaims(t *testing.T) {
	claim := func(account byte, until Millis, refuted bool) Claim {
		c := Claim{Account: Digest{account}, RefuteBy: until}
		if refuted {
			c.Refuted = &Refutation{}
		}
		return c
	}
	for what, c := range map[string]struct {
		claims []Claim
		now    Millis
		want   error
		void   byte // whose claim
	}{
		"none":                       {nil, 5, nil, 0},
		"one that may be refuted":    {[]Claim{claim(1, 10, false)}, 9, ErrTaskTime, 0},
		"one that was not":           {[]Claim{claim(1, 10, false)}, 10, nil, 1},
		"one that was":               {[]Claim{claim(1, 10, true)}, 5, nil, 0},
		"one that was, long ago":     {[]Claim{claim(1, 10, true)}, 50, nil, 0},
		"of two one was":             {[]Claim{claim(1, 10, true), claim(2, 20, false)}, 15, ErrTaskTime, 0},
		"of two one lapsed":          {[]Claim{claim(1, 30, false), claim(2, 20, false)}, 25, nil, 2},
		"of two that lapsed the one": {[]Claim{claim(1, 30, false), claim(2, 20, false)}, 35, nil, 2},
	} {
		d, done, err := settleClaims(TaskView{Claims: c.claims}, Tx{Time: c.now})
		if !errors.Is(err, c.want) || done != (c.want != nil || c.void != 0) {
			t.Errorf("%s: %t %v", what, done, err)
		}
		if c.void != 0 && (d.Settlement == nil || d.Settlement.By != SettledOmission || *d.Settlement.Prover != (Digest{c.void}) || len(d.Slashes) > 0) {
			t.Errorf("%s: %+v", what, d)
		}
	}
	// Nor is a ruling final at once that comes while a claim stands.
	v := panel([]Credits{1, 1, 1}, []int64{1, 1, 1})
	v.Task.Policy, v.Task.Statement.Model = 1, "m@"+Digest{1}.String()
	p := taskPolicy()
	p.AtOnce = true
	rule := func(TaskStatement, int) (Ruling, error) { return Ruling{Answer: v.Reveals[0].Answer}, nil }
	for _, claims := range [][]Claim{nil, {claim(1, 10, false)}, {claim(1, 10, true)}} {
		v.Claims = claims
		d, err := execute(v, SettledChallenge, Digest{1}, p, rule, standing{}, Tx{})
		if err != nil || (d.Settlement == nil) != (len(claims) == 1 && claims[0].Open()) {
			t.Errorf("%v: %+v %v", claims, d, err)
		}
	}
}

// standing is a ledger on which no model is blocked.
type standing struct{ court }

func (standing) Admission(Digest) (*Admission, error) { return nil, nil } //nolint:nilnil // none is approved

func (standing) Revocation(Digest) (*Revocation, error) { return nil, nil } //nolint:nilnil // nor revoked

func (standing) ModelPolicy() (*ModelPolicy, error) { return nil, nil } //nolint:nilnil // no policy asks for models that are approved

func TestWhatOfAFindingNeverChangesIsCompared(t *testing.T) {
	raised := Finding{Code: FindingCommissionedTwice, Item: "i", Event: Digest{1}, Detail: "d", Severity: SeverityCritical, Change: FindingRaised, RaisedAt: 5, RaisedIn: "t1"}
	amended := raised
	amended.Change, amended.Detail, amended.Other = FindingAmended, "e", Digest{2}
	closed := amended
	closed.Change, closed.ClosedAt, closed.ClosedIn = FindingClosed, 9, "t2"
	again := raised
	again.RaisedIn, again.RaisedAt, again.Again = "t3", 12, 1
	with := func(f Finding, change func(*Finding)) Finding { change(&f); return f }
	for what, c := range map[string]struct {
		now, was Finding
		want     bool
	}{
		"as it was raised":                  {raised, raised, true},
		"raised, and amended since":         {amended, raised, true},
		"raised, and closed since":          {closed, raised, true},
		"closed":                            {closed, closed, true},
		"closed, and raised again":          {again, closed, true},
		"raised, and raised again":          {again, raised, true},
		"raised elsewhere, once":            {raised, with(raised, func(f *Finding) { f.RaisedIn = "t0" }), false},
		"raised elsewhere, and closed":      {closed, with(raised, func(f *Finding) { f.RaisedIn = "t0" }), false},
		"closed elsewhere":                  {raised, with(closed, func(f *Finding) { f.RaisedIn = "t0" }), false},
		"closed elsewhere before":           {closed, with(closed, func(f *Finding) { f.RaisedIn = "t0" }), false},
		"raised again, which it was not":    {closed, again, false},
		"raised again elsewhere":            {again, with(again, func(f *Finding) { f.RaisedIn = "t0" }), false},
		"closed again, which it was not":    {again, with(closed, func(f *Finding) { f.Again = 1 }), false},
		"in other words":                    {raised, with(raised, func(f *Finding) { f.Detail = "x" }), false},
		"raised elsewhere, amended since":   {amended, with(raised, func(f *Finding) { f.RaisedAt++ }), false},
		"graver, amended since":             {amended, with(raised, func(f *Finding) { f.Severity++ }), false},
		"graver, raised again since":        {again, with(raised, func(f *Finding) { f.Severity++ }), false},
		"of another event":                  {closed, with(raised, func(f *Finding) { f.Event[0]++ }), false},
		"closed, which it is not":           {amended, closed, false},
		"amended, which it never was":       {raised, amended, false},
		"closed in other words":             {closed, with(closed, func(f *Finding) { f.Detail = "x" }), false},
		"open and closed by a transaction":  {amended, with(raised, func(f *Finding) { f.ClosedIn = "t" }), false},
		"of another kind, closed meanwhile": {closed, with(raised, func(f *Finding) { f.Code = FindingReshipped }), false},
	} {
		if got := c.now.wasOnce(c.was); got != c.want {
			t.Errorf("%s: %t", what, got)
		}
	}
}

// What is put before something that the proof log has can be refuted by it, so that its claim is taken, whatever its recorder's
// clock said, and whether or not a later segment of its logger is listed; what is put before nothing of the kind cannot.
func TestWhatThePlaceOfAClaimShowsIsLeftToTheProofLog(t *testing.T) {
	policy, finding := Reference{Kind: RefPolicy, ID: "p", First: 1}, Reference{Kind: RefFinding, Finding: &Finding{}}
	event := func(n byte) Reference { return Reference{Kind: RefEvent, Digest: Digest{n}} }
	span := func(first, last uint64) Reference {
		return Reference{Kind: RefSegments, ID: "x", First: first, Last: last, Digest: Digest{3}}
	}
	for what, c := range map[string]struct {
		begins  uint32
		list    []Reference
		omitted Reference
		before  uint32
		segment uint64
		want    error
	}{
		"a segment within":                            {0, []Reference{event(1), span(1, 2)}, span(0, 0), 1, 0, nil},
		"a logger's last segment":                     {0, []Reference{policy, event(1), event(2), span(0, 1), event(3)}, span(2, 2), 4, 0, nil},
		"its last segment, before a finding":          {0, []Reference{event(1), span(0, 1), finding}, span(2, 2), 2, 0, ErrCommitment},
		"a segment of a logger that is not listed":    {0, []Reference{event(1), event(2)}, span(7, 7), 1, 0, nil},
		"a segment before an earlier one":             {0, []Reference{event(1), span(0, 1), event(3)}, span(2, 2), 1, 0, ErrSchema},
		"a segment after a later one":                 {0, []Reference{event(1), span(1, 2), event(3)}, span(0, 0), 2, 0, ErrSchema},
		"a segment that is listed":                    {0, []Reference{event(1), span(1, 2), event(3)}, span(2, 2), 2, 0, ErrConflict},
		"an event":                                    {0, []Reference{event(1), event(2)}, event(9), 1, 0, nil},
		"an event within a span":                      {0, []Reference{event(1), span(0, 3)}, event(9), 1, 2, nil},
		"an event, and a finding at the end":          {0, []Reference{event(1), event(2), finding}, event(9), 1, 0, nil},
		"an event right before the finding":           {0, []Reference{event(1), event(2), finding}, event(9), 2, 0, ErrCommitment},
		"an event that is listed":                     {0, []Reference{event(1), event(2)}, event(1), 1, 0, ErrConflict},
		"an event before all of a journey":            {0, []Reference{policy, event(1), event(2)}, event(9), 1, 0, nil},
		"an event before all of a later journey":      {2, []Reference{policy, event(1), event(2)}, event(9), 1, 0, ErrSchema},
		"an event after the first of a later journey": {2, []Reference{policy, event(1), event(2)}, event(9), 2, 0, nil},
	} {
		s := TaskStatement{Begins: c.begins, Window: c.begins, References: c.list}
		with, err := s.with(Claim{Omitted: c.omitted, Before: c.before, Segment: c.segment}, court{})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v", what, err)
		}
		if err == nil && !slices.ContainsFunc(with.References, func(r Reference) bool { return r.same(c.omitted) }) {
			t.Errorf("%s: %+v", what, with.References)
		}
	}
}

// What a claim adds to a list that refers to as much as a task may is not refused for that, also where a span is parted for it.
func TestAListOfTheMostReferencesIsClaimedAgainst(t *testing.T) {
	s := taskStatement()
	span := s.References[2]
	span.Last = MaxTaskSegments - 1
	s.References = nil
	for n := range MaxTaskReferences - 1 {
		s.References = append(s.References, Reference{Kind: RefEvent, Digest: Digest{byte(n), byte(n >> 8), 1}})
	}
	s.References = append(s.References, span)
	if err := CheckTask(s); err != nil {
		t.Fatal(err)
	}
	for segment, want := range map[uint64]int{0: MaxTaskReferences + 1, 7: MaxTaskReferences + 2} {
		with, err := s.with(Claim{Omitted: Reference{Kind: RefEvent, Digest: Digest{0, 9}}, Before: MaxTaskReferences - 1, Segment: segment}, court{})
		if err != nil || len(with.References) != want {
			t.Errorf("%d references, %v", len(with.References), err)
		}
	}
}

// Each raising after the first says that there was one before, however its evidence changes.
func TestRaisingsOfAFindingAreCounted(t *testing.T) {
	finds := Finding{Code: FindingReshipped, Item: "i", Event: Digest{1}, Detail: "d"}
	other := finds
	other.Detail = "e"
	var f *Finding
	for i, c := range []struct {
		now   *Finding
		again uint32
	}{{&finds, 0}, {&other, 0}, {nil, 0}, {&finds, 1}, {nil, 1}, {&other, 2}, {&finds, 2}, {nil, 2}} {
		before := f
		after, changed := Settle(before, c.now, Digest{}, Tx{ID: string(rune('a' + i)), Time: Millis(i)})
		if !changed || after.Again != c.again {
			t.Fatalf("%d: %t %+v", i, changed, after)
		}
		if before != nil && !after.wasOnce(*before) && before.Change != FindingAmended {
			t.Errorf("%d: %+v was not %+v", i, after, *before)
		}
		f = &after
	}
}

// again is a ledger on which a container is on its next journey, and where facts stand in its proof log.
type again struct {
	logged

	journey reused
}

func (a again) FinalVerdict(shipment string, window uint32, model string) (*FinalVerdict, error) {
	return a.journey.FinalVerdict(shipment, window, model)
}

func (again) Statement(Digest) (*TaskStatement, error) {
	return &TaskStatement{References: []Reference{{Kind: RefEvent, Digest: Digest{1}}, {Kind: RefSegments, ID: "x", Last: 1, Digest: Digest{3}}, {Kind: RefWithdrawn, Digest: Digest{1}}}}, nil
}

func (again) Event(Digest) (*EventRecord, error) { return &EventRecord{TxID: "t"}, nil }

// What opened a container's later journey is claimed to be left out with the proof that it came after the journey before; without
// that, and of what came before, it is not. Such a claim is refuted by what is listed and not by that it comes before all of it.
func TestWhatOpensALaterJourneyIsClaimedIfItCameAfterTheJourneyBefore(t *testing.T) {
	event := func(n byte) Reference { return Reference{Kind: RefEvent, Digest: Digest{n}} }
	shown := []byte{1}
	for what, c := range map[string]struct {
		place   int // of event 9 in the log: 10 and 11 are the end of the journey before, 20 and 30 what is listed
		since   []byte
		opened  int
		begins  uint32
		finals  map[string]uint32
		agree   []string
		want    error
		refuted bool
	}{
		"shown":                             {15, shown, 0, 3, map[string]uint32{"m@1": 2}, []string{"A", "C"}, nil, false},
		"shown, after a blend":              {15, shown, 0, 3, map[string]uint32{"": 2}, []string{"A", "C"}, nil, false},
		"shown, and in a wrong place":       {25, shown, 0, 3, map[string]uint32{"m@1": 2}, []string{"A", "C"}, nil, true},
		"not shown":                         {15, nil, 0, 3, map[string]uint32{"m@1": 2}, []string{"A", "C"}, ErrSchema, false},
		"of the journey before":             {5, shown, 0, 3, map[string]uint32{"m@1": 2}, []string{"A", "C"}, ErrCommitment, false},
		"before this journey opens":         {15, shown, 1, 3, map[string]uint32{"m@1": 2}, []string{"A", "C"}, ErrCommitment, false},
		"under a root of one keeper":        {15, shown, 0, 3, map[string]uint32{"m@1": 2}, []string{"A"}, ErrNotAnchored, false},
		"a journey before without verdicts": {15, shown, 0, 3, nil, []string{"A", "C"}, ErrUnknown, false},
		"a first journey":                   {15, shown, 0, 0, nil, []string{"A", "C"}, ErrSchema, false},
	} {
		l := again{newLogged(), reused{finals: c.finals}}
		l.agree = c.agree
		l.at = map[LogFact]int{{Device: "x", Segment: 0}: 10, {Device: "x", Segment: 1}: 11, {Event: Digest{9}}: c.place, {Event: Digest{2}}: 20, {Event: Digest{4}}: 30}
		s := TaskStatement{Shipment: "s", Window: 3, Begins: c.begins, Model: "m@1", Inputs: Digest{1}, References: []Reference{event(2), event(4)}}
		v := TaskView{
			Task:    ScoringTask{ID: Digest{7}, Statement: s, Policy: 1, Panel: []Seat{{Account: Digest{1}, Weight: 10}, {Account: Digest{9}, Weight: 10}}},
			Closing: &Closing{Committed: []Digest{{1}}}, Reveals: []Reveal{{Account: Digest{1}}},
		}
		omitted := event(9)
		op := ChallengeTask{Task: v.Task.ID, Omitted: &omitted, Since: c.since}
		rule := func(TaskStatement, int) (Ruling, error) { return Ruling{Inputs: Digest{2}, Opened: c.opened}, nil }
		tx := Tx{ID: "x", Actor: Actor{MSPID: "A", Key: Digest{8}}}
		if err := CheckTaskOperation(TaskOperation{Challenge: &op}); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		d, err := ChallengeTaskOf(op, v, rule, l.order, l, tx)
		if !errors.Is(err, c.want) || (err == nil) != (d.Claim != nil && d.Claim.Since) {
			t.Errorf("%s: %v %+v", what, err, d.Claim)
		}
		if err != nil {
			continue
		}
		v.Claims = []Claim{*d.Claim}
		d, err = RefuteClaimOf(RefuteClaim{Task: v.Task.ID, Account: Digest{9}}, v, l.order, l, tx)
		if c.refuted != (err == nil && d.Claim.Refuted != nil) || !c.refuted && !errors.Is(err, ErrCommitment) {
			t.Errorf("%s: refuted: %v %+v", what, err, d.Claim)
		}
	}
	for what, op := range map[string]ChallengeTask{
		"of nothing":   {Task: Digest{1}, Since: shown},
		"of a segment": {Task: Digest{1}, Since: shown, Omitted: &Reference{Kind: RefSegments, ID: "https://id.gs1.org/8004/9520002A", Digest: Digest{1}}},
		"of the order": {Task: Digest{1}, Since: shown, Order: &Misplaced{Proof: shown}},
	} {
		if err := CheckTaskOperation(TaskOperation{Challenge: &op}); !errors.Is(err, ErrSchema) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
