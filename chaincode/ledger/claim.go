package ledger

import "slices"

// Claim is a scorer's word that a task leaves out what is recorded. It says where that belongs, so that the proof log can
// show that it does not. Written once for a task and an account.
type Claim struct {
	Task    Digest    `cbor:"1,keyasint"`
	Account Digest    `cbor:"2,keyasint"` // claimant
	Omitted Reference `cbor:"3,keyasint"`
	// Before is the reference that it belongs before; Segment, of a span of segments, the one of them, 0: the whole.
	Before   uint32      `cbor:"4,keyasint"`
	Segment  uint64      `cbor:"9,keyasint,omitempty"`
	RefuteBy Millis      `cbor:"5,keyasint"` // the task is void then, unless the claim is refuted
	At       Millis      `cbor:"6,keyasint"`
	TxID     string      `cbor:"7,keyasint"`
	Refuted  *Refutation `cbor:"8,keyasint,omitempty"`
	// Since says that the claimant showed that it came after the container's journey before, so that it may open this one.
	Since bool `cbor:"10,keyasint,omitempty"`
	// Late says that it is of that journey before, which then had another window.
	Late bool `cbor:"11,keyasint,omitempty"`
}

// Refutation says by what a claim was proven false.
type Refutation struct {
	Account   Digest `cbor:"1,keyasint"` // whoever proved it
	Reference uint32 `cbor:"2,keyasint"` // that stands on the wrong side of what is claimed to be left out
	Segment   uint64 `cbor:"3,keyasint,omitempty"`
	Height    uint64 `cbor:"4,keyasint"` // of the root
	At        Millis `cbor:"5,keyasint"`
	TxID      string `cbor:"6,keyasint"`
}

// RefuteClaim proves with the proof log that what is claimed to be left out does not belong where the claim puts it.
type RefuteClaim struct {
	Task    Digest `cbor:"1,keyasint"`
	Account Digest `cbor:"2,keyasint"` // claimant
	// Reference is one of the task's, an event or a span of segments, Segment of a span its number.
	Reference uint32 `cbor:"3,keyasint"`
	Segment   uint64 `cbor:"4,keyasint,omitempty"`
	Proof     []byte `cbor:"5,keyasint"` // of two leaves: the omitted fact's and that reference's
}

// Misplaced says that the proof log has two of a task's references in the other order. Of a span of segments it says which.
type Misplaced struct {
	First         uint32 `cbor:"1,keyasint"` // of the task's references, listed before Second
	FirstSegment  uint64 `cbor:"2,keyasint,omitempty"`
	Second        uint32 `cbor:"3,keyasint"`
	SecondSegment uint64 `cbor:"4,keyasint,omitempty"`
	Proof         []byte `cbor:"5,keyasint,omitempty"` // of two leaves
	// Former says that First, with which the list begins the journey, stands in the log before the end of the container's journey
	// before: the second leaf is of the last fact that one's last final verdict rests on. Where First is that fact, nothing is left
	// to be proven.
	Former bool `cbor:"6,keyasint,omitempty"`
}

// MaxProofBytes bounds a proof that an operation on a task brings.
const MaxProofBytes = 32 << 10

// LogFact names what has a place in the proof log: an event, or a segment of a device.
type LogFact struct {
	Event   Digest
	Device  string
	Segment uint64
}

// LogOrder is what a proof shows of two facts: under which root, and that the first stands before the second. It fails where
// the proof shows nothing of the two; whose root it is, it does not ask.
type LogOrder func(proof []byte, first, second LogFact) (before bool, root Root, err error)

// Open reports whether the claim stands.
func (c Claim) Open() bool { return c.Refuted == nil }

// standing is the claim that voids the task, nil if none does yet, and until when the first of those that may still be
// refuted can be, 0 if there is none.
func (v TaskView) standing(now Millis) (lapsed *Claim, until Millis) {
	for i, c := range v.Claims {
		switch {
		case !c.Open():
		case now >= c.RefuteBy:
			if lapsed == nil || c.RefuteBy < lapsed.RefuteBy {
				lapsed = &v.Claims[i]
			}
		case until == 0 || c.RefuteBy < until:
			until = c.RefuteBy
		}
	}
	return lapsed, until
}

// settleClaims says what claims make of a task that is to be settled: void if one was not refuted in time, nothing yet
// while one may be. done is false where none stands.
func settleClaims(v TaskView, tx Tx) (d TaskDecision, done bool, err error) {
	lapsed, until := v.standing(tx.Time)
	switch {
	case lapsed != nil:
		return v.void(SettledOmission, nil, &lapsed.Account, tx), true, nil
	case until > 0:
		return TaskDecision{}, true, refuse(ErrTaskTime, "a claim that something is left out may be refuted until %s", stamp(until))
	}
	return TaskDecision{}, false, nil
}

// claimOmission decides on a challenge that names what is left out. Who committed to the list said that it is all.
func claimOmission(op ChallengeTask, account Digest, v TaskView, policy ScoringPolicy, referee Referee, order LogOrder, l ScoringLedger, tx Tx) (TaskDecision, error) {
	claim := Claim{
		Task: v.Task.ID, Account: account, Omitted: *op.Omitted, Before: op.At, Segment: op.Segment,
		RefuteBy: tx.Time + policy.ChallengeFor, At: tx.Time, TxID: tx.ID, Since: op.Since != nil, Late: op.Late,
	}
	if i := slices.IndexFunc(v.Claims, func(c Claim) bool { return c.Account == account }); i >= 0 {
		if c := v.Claims[i]; c.Before != claim.Before || c.Segment != claim.Segment || c.Late != claim.Late || !c.Omitted.same(claim.Omitted) {
			return TaskDecision{}, refuse(ErrConflict, "account %s has claimed something else of the task", account)
		}
		return TaskDecision{Status: StatusDuplicate, In: v.Claims[i].TxID}, nil
	}
	if _, ok := v.Task.Seat(account); !ok {
		return TaskDecision{}, refuse(ErrScorer, "account %s is not of the task's panel, which alone has at stake what a false claim costs", account)
	}
	if slices.ContainsFunc(v.Commitments, func(c Commitment) bool { return c.Account == account }) {
		return TaskDecision{}, refuse(ErrTaskState, "account %s committed to the list as it is", account)
	}
	if p := v.Provisional; p != nil && tx.Time >= p.At+policy.ChallengeFor {
		// Else one claim after another would hold up what nobody challenged in time.
		return TaskDecision{}, refuse(ErrTaskTime, "the answer could be challenged until %s", stamp(p.At+policy.ChallengeFor))
	}
	inserted, err := v.Task.Statement.with(claim, l)
	if err != nil {
		return TaskDecision{}, err
	}
	if _, err = recorded([]Reference{*op.Omitted}, l); err != nil {
		return TaskDecision{}, err
	}
	if err = v.Task.Statement.notBefore(*op.Omitted, l); err != nil {
		return TaskDecision{}, err
	}
	if claim.Since {
		if err = v.Task.Statement.since(claim.fact(), op.Since, order, l); err != nil {
			return TaskDecision{}, err
		}
	}
	if claim.Late {
		if err = v.Task.Statement.late(claim, inserted, referee, l); err != nil {
			return TaskDecision{}, err
		}
		return TaskDecision{Status: StatusRecorded, Claim: &claim}, nil
	}
	ruling, err := referee(inserted, MaxClaimPackBytes)
	if err != nil {
		return TaskDecision{}, err
	}
	if ruling.Fault != "" && !ruling.Blame {
		// There was room for it, so that the list is more than can be re-executed without it too. Nobody can prove anything of it.
		return v.void(SettledNoWindow, nil, &account, tx), nil
	}
	if inserted := claim.insertedAt(); op.Omitted.Kind == RefEvent && v.Task.Statement.Begins > 0 && (ruling.Opened > inserted || ruling.Opened == inserted && !claim.Since) {
		// What was in the container before may be of its journey before, and gone: no list says when that was over.
		return TaskDecision{}, refuse(ErrCommitment, "the container was on a journey before, and this one does not begin before what is said to be left out")
	}
	if ruling.Fault == "" && ruling.Inputs == v.Task.Statement.Inputs {
		return TaskDecision{}, refuse(ErrCommitment, "what is said to be left out changes nothing that is judged")
	}
	return TaskDecision{Status: StatusRecorded, Claim: &claim}, nil
}

// insertedAt is the place among the task's references at which what is left out stands once it is put in.
func (c Claim) insertedAt() int {
	if c.Segment != 0 {
		return int(c.Before) + 1
	}
	return int(c.Before)
}

// same compares what a segment or an event is named by.
func (r Reference) same(o Reference) bool {
	return r.Kind == o.Kind && r.ID == o.ID && r.First == o.First && r.Last == o.Last && r.Digest == o.Digest
}

// with gives the statement with what a claim says that it leaves out.
func (s TaskStatement) with(c Claim, l ScoringLedger) (TaskStatement, error) {
	if uint64(c.Before) >= uint64(len(s.References)) {
		return s, refuse(ErrSchema, "the task has %d references", len(s.References))
	}
	at := int(c.Before)
	references := slices.Clone(s.References)
	if c.Segment != 0 {
		span := references[at]
		if span.Kind != RefSegments || c.Segment <= span.First || c.Segment > span.Last {
			return s, refuse(ErrSchema, "reference %d is no span that segment %d is within", at, c.Segment)
		}
		last, err := l.SegmentOf(span.ID, c.Segment-1)
		if err != nil {
			return s, err
		}
		if last == nil {
			return s, refuse(ErrUnknown, "segment %d of %s", c.Segment-1, span.ID)
		}
		first := span
		first.Last, first.Digest, span.First = c.Segment-1, last.Digest, c.Segment
		references = slices.Replace(references, at, at+1, first, span)
		at++
	}
	parted := s
	parted.References = references
	holds := parted.holdsSegment
	if c.Omitted.Kind == RefEvent {
		holds = func(r Reference, at int) error { return parted.holdsEvent(r, at, c.Since) }
	}
	if err := holds(c.Omitted, at); err != nil {
		return s, err
	}
	parted.References = slices.Insert(references, at, c.Omitted)
	return parted, nil
}

// holdsSegment holds that a segment is left out and belongs before reference at, as far as the chain of its device shows.
func (s TaskStatement) holdsSegment(omitted Reference, at int) error {
	for i, r := range s.References {
		if r.Kind != RefSegments || r.ID != omitted.ID {
			continue
		}
		switch {
		case r.First <= omitted.First && omitted.First <= r.Last:
			return refuse(ErrConflict, "segment %d of %s is not left out", omitted.First, omitted.ID)
		case r.First > omitted.First != (i >= at):
			return refuse(ErrSchema, "segment %d of %s does not belong before reference %d", omitted.First, omitted.ID, at)
		}
	}
	return s.goesOn(at)
}

// holdsEvent holds that an event is left out and may belong before reference at. When it was recorded its submitter says, and
// what was held back comes late: the log decides. Of a journey that is not a container's first, an event is only left out if
// it does not come before the first one named, or is shown to have come after the journey before.
func (s TaskStatement) holdsEvent(omitted Reference, at int, since bool) error {
	if slices.ContainsFunc(s.References, func(r Reference) bool { return r.Kind == RefEvent && r.Digest == omitted.Digest }) {
		return refuse(ErrConflict, "event %s is not left out", omitted.Digest)
	}
	if s.Begins > 0 && !since && !slices.ContainsFunc(s.References[:at], Reference.hasPlace) {
		return refuse(ErrSchema, "event %s does not belong before reference %d", omitted.Digest, at)
	}
	return s.goesOn(at)
}

// goesOn holds that what is put before reference at is put before something that the proof log has: else it would be claimed of
// what came after the window, and nothing could refute that.
func (s TaskStatement) goesOn(at int) error {
	if !slices.ContainsFunc(s.References[at:], Reference.hasPlace) {
		return refuse(ErrCommitment, "nothing from reference %d on has a place in the proof log", at)
	}
	return nil
}

// hasPlace reports whether the proof log has what a reference names.
func (r Reference) hasPlace() bool {
	return r.Kind == RefEvent || r.Kind == RefElsewhere || r.Kind == RefSegments
}

// notBefore holds that an event is not of the journey before: what that one's last verdict rests on and names the container
// itself is of no other. What was put into a container within may be of both.
func (s TaskStatement) notBefore(omitted Reference, l ScoringLedger) error {
	if s.Begins == 0 || omitted.Kind != RefEvent {
		return nil
	}
	final, err := s.former(l)
	if err != nil || final == nil {
		return err
	}
	earlier, err := l.Statement(final.Task)
	if err != nil || earlier == nil {
		return err
	}
	for _, r := range earlier.References {
		if r.Kind == RefEvent && r.Digest == omitted.Digest && len(r.Containers) == 0 {
			return refuse(ErrCommitment, "event %s is of the journey before", omitted.Digest)
		}
	}
	return nil
}

// since holds that the proof log has a fact after all that the last final verdict of the container's journey before rests on.
func (s TaskStatement) since(omitted LogFact, proof []byte, order LogOrder, l ScoringLedger) error {
	end, _, err := s.end(l)
	if err != nil {
		return err
	}
	if end == omitted {
		return refuse(ErrCommitment, "the journey before ended with what is said to be left out of this one")
	}
	after, root, err := order(proof, end, omitted)
	switch {
	case err != nil:
		return err
	case !after:
		return refuse(ErrCommitment, "the proof log has what is said to be left out before the end of the journey before")
	}
	return anchoredBy(root, l)
}

// located gives the fact that a reference, and of a span a segment, has in the proof log.
func (s TaskStatement) located(at uint32, segment uint64) (LogFact, error) {
	if uint64(at) >= uint64(len(s.References)) {
		return LogFact{}, refuse(ErrSchema, "the task has %d references", len(s.References))
	}
	r := s.References[at]
	switch {
	case (r.Kind == RefEvent || r.Kind == RefElsewhere) && segment == 0:
		return LogFact{Event: r.Digest}, nil
	case r.Kind == RefSegments && r.First <= segment && segment <= r.Last:
		return LogFact{Device: r.ID, Segment: segment}, nil
	}
	return LogFact{}, refuse(ErrSchema, "reference %d is no event, nor a span of segments with number %d", at, segment)
}

// fact is what the claim says is left out.
func (c Claim) fact() LogFact {
	if c.Omitted.Kind == RefEvent {
		return LogFact{Event: c.Omitted.Digest}
	}
	return LogFact{Device: c.Omitted.ID, Segment: c.Omitted.First}
}

// after reports whether the claim puts what is left out after a reference, and of a span after a segment.
func (c Claim) after(at uint32, segment uint64) bool {
	return at < c.Before || at == c.Before && segment < c.Segment
}

// begins reports whether a reference, and of a span a segment, is the first of a statement that has a place in the log.
func (s TaskStatement) begins(at uint32, segment uint64) bool {
	i := slices.IndexFunc(s.References, Reference.hasPlace)
	return i == int(at) && (s.References[i].Kind != RefSegments || segment == s.References[i].First)
}

// RefuteClaimOf decides on proving a claim false. v is the task with that claim. The proof log is the ledger's order, and
// who judges lists what bears on a shipment in that order: a claim that is true cannot be refuted. A claim that is refuted is
// a proven fault, also after the task has ended.
func RefuteClaimOf(op RefuteClaim, v TaskView, order LogOrder, l ScoringLedger, tx Tx) (TaskDecision, error) {
	account, err := callersAccount(l, tx)
	if err != nil {
		return TaskDecision{}, err
	}
	if v.Phase() == TaskAbsent {
		return TaskDecision{}, refuse(ErrUnknown, "the task was not opened")
	}
	i := slices.IndexFunc(v.Claims, func(c Claim) bool { return c.Account == op.Account })
	if i < 0 {
		return TaskDecision{}, refuse(ErrUnknown, "account %s claimed nothing of the task", op.Account)
	}
	claim := v.Claims[i]
	if !claim.Open() {
		return TaskDecision{Status: StatusDuplicate, In: claim.Refuted.TxID}, nil
	}
	s := v.Task.Statement
	against, err := s.located(op.Reference, op.Segment)
	if err != nil {
		return TaskDecision{}, err
	}
	if against == claim.fact() {
		return TaskDecision{}, refuse(ErrSchema, "reference %d is what is said to be left out", op.Reference)
	}
	before, root, err := order(op.Proof, claim.fact(), against)
	if err != nil {
		return TaskDecision{}, err
	}
	earlier := s.Begins > 0 && !claim.Since && claim.Omitted.Kind == RefEvent && s.begins(op.Reference, op.Segment)
	if before != claim.after(op.Reference, op.Segment) && (!before || !earlier) {
		return TaskDecision{}, refuse(ErrCommitment, "that is where the claim puts it")
	}
	if err = anchoredBy(root, l); err != nil {
		return TaskDecision{}, err
	}
	policy, err := policyOf(v, l)
	if err != nil {
		return TaskDecision{}, err
	}
	claim.Refuted = &Refutation{Account: account.ID, Reference: op.Reference, Segment: op.Segment, Height: root.Height, At: tx.Time, TxID: tx.ID}
	d := TaskDecision{Status: StatusRecorded, Claim: &claim}
	d.Slashes, err = faults(v, "claim", []Digest{claim.Account}, policy.Wrong, policy.Finder, &account.ID)
	return d, err
}

// misplaced decides on a challenge by the order of the list. Nobody honest commits to a list that is not in the ledger's.
func misplaced(op Misplaced, account Digest, v TaskView, policy ScoringPolicy, referee Referee, order LogOrder, l ScoringLedger, tx Tx) (TaskDecision, error) {
	var err error
	if op.Former {
		err = op.former(v, referee, order, l)
	} else {
		err = op.shown(v, order, l)
	}
	if err != nil {
		return TaskDecision{}, err
	}
	var all []Digest
	for _, r := range v.Reveals {
		all = append(all, r.Account)
	}
	d := v.void(SettledNoWindow, all, &account, tx)
	d.Slashes, err = wrong(v, all, policy, &account)
	return d, err
}

// shown holds that the log has the two references in the other order.
func (op Misplaced) shown(v TaskView, order LogOrder, l ScoringLedger) error {
	if op.First > op.Second || op.First == op.Second && op.FirstSegment >= op.SecondSegment {
		return refuse(ErrSchema, "reference %d is not listed before %d", op.First, op.Second)
	}
	s := v.Task.Statement
	first, err := s.located(op.First, op.FirstSegment)
	if err != nil {
		return err
	}
	second, err := s.located(op.Second, op.SecondSegment)
	if err != nil {
		return err
	}
	if first == second {
		return refuse(ErrSchema, "references %d and %d are one fact", op.First, op.Second)
	}
	before, root, err := order(op.Proof, first, second)
	switch {
	case err != nil:
		return err
	case before:
		return refuse(ErrCommitment, "the proof log has the two in the same order")
	}
	return anchoredBy(root, l)
}

// anchoredBy holds that more than half of the keepers of the network's rules have anchored a root: those whose peers
// endorse what the ledger holds.
func anchoredBy(root Root, l ScoringLedger) error {
	keepers, err := keepersOf(l)
	if err != nil {
		return err
	}
	agree := 0
	for _, msp := range keepers {
		anchor, err := l.Anchor(root.Height, msp)
		if err != nil {
			return err
		}
		if anchor != nil && anchor.Root == root {
			agree++
		}
	}
	if 2*agree <= len(keepers) {
		return refuse(ErrNotAnchored, "%d of %d keepers have anchored that root at height %d, more than half are needed", agree, len(keepers), root.Height)
	}
	return nil
}

func checkProof(proof []byte) error {
	if len(proof) == 0 || len(proof) > MaxProofBytes {
		return refuse(ErrTooLarge, "a proof of %d bytes, from 1 to %d are allowed", len(proof), MaxProofBytes)
	}
	return nil
}
