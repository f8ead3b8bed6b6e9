package ledger

import (
	"cmp"
	"maps"
	"math"
	"math/bits"
	"slices"

	"github.com/waybill-dev/waybill/epcis"
)

// BlendPolicy says how answers of different models are joined.
type BlendPolicy struct {
	// Cap is the most that the scorers of one organisation weigh together, in millionths of what all weigh then.
	Cap uint64 `cbor:"1,keyasint"`
	// Truth is shared, by stake and by how right each was, when an inspection says what was so.
	Truth Credits `cbor:"2,keyasint,omitempty"`
	// Own has every task that opens be of each scorer's own model; else each names the one model that all answer for.
	Own bool `cbor:"3,keyasint,omitempty"`
}

func (p BlendPolicy) check() error {
	switch {
	case p.Cap == 0 || p.Cap > million || p.Truth > MaxCredits:
		return refuse(ErrSchema, "an organisation weighs from 1 to %d millionths of a blend", million)
	case p.Own && p.Truth == 0:
		return refuse(ErrSchema, "answers of different models are paid for by inspections alone, and those pay nothing")
	}
	return nil
}

// asks holds that a task that opens is of one model, or of each scorer's own, as the policy has it.
func (p ScoringPolicy) asks(s TaskStatement) error {
	switch {
	case p.Blend.Own && s.Model != "":
		return refuse(ErrTaskState, "by version %d of the policy each scorer answers by a model of its own, and a task names none", p.Version)
	case !p.Blend.Own && s.Model == "":
		return refuse(ErrTaskState, "by version %d of the policy all scorers answer by one model, which the task names", p.Version)
	}
	return nil
}

// Blend is what answers of different models come to.
type Blend struct {
	Level VerdictLevel `cbor:"1,keyasint"` // weighted median
	Score int64        `cbor:"2,keyasint"` // weighted median, millionths
	Low   int64        `cbor:"3,keyasint"` // least score revealed
	High  int64        `cbor:"4,keyasint"`
	Count uint32       `cbor:"5,keyasint"` // scorers
	// Blocked are the accounts, ascending, whose answer counts for nothing: its model was revoked after they committed.
	Blocked []Digest `cbor:"6,keyasint,omitempty"`
}

// mayAnswer refuses an answer of a model that no verdict may rest on, but for one that was revoked: it may have been
// committed to before.
func mayAnswer(model string, l ModelStanding) error {
	if revoked, err := isRevoked(model, l); err != nil || revoked {
		return err
	}
	return ModelBlocked(model, l)
}

func isRevoked(model string, l ModelStanding) (bool, error) {
	_, artefact, ok := ArtefactOf(model)
	if !ok {
		return false, nil
	}
	revocation, err := l.Revocation(artefact)
	return revocation != nil, err
}

// withoutRevoked gives the task without the answers of models that were revoked, and whose they are.
func withoutRevoked(v TaskView, l ModelStanding) (TaskView, []Digest, error) {
	var kept []Reveal
	var blocked []Digest
	for _, r := range v.Reveals {
		revoked, err := isRevoked(r.Answer.Model, l)
		switch {
		case err != nil:
			return v, nil, err
		case revoked:
			blocked = append(blocked, r.Account)
		default:
			kept = append(kept, r)
		}
	}
	v.Reveals = kept
	return v, blocked, nil
}

// weighed is a value with its weight.
type weighed struct {
	value  int64
	weight Credits
}

// lowerMedian is the least value at or below which lies half of the weight: no half of the stake moves it
// beyond what the other half said.
func lowerMedian(all []weighed) int64 {
	slices.SortFunc(all, func(a, b weighed) int { return cmp.Compare(a.value, b.value) })
	var total, sum Credits
	for _, w := range all {
		total += w.weight
	}
	for _, w := range all {
		if sum += w.weight; sum >= total-sum {
			return w.value
		}
	}
	return 0
}

// most is what an organisation weighs at most of sums, one for each: so much that it is no more than the policy's share of
// all, as they weigh then. Of too few for that each weighs what the least does.
func (p BlendPolicy) most(sums []Credits) Credits {
	slices.Sort(sums)
	rest := uint64(0) // of those that are not clipped
	for _, s := range sums {
		rest += uint64(s) // the panel's sum did not overflow
	}
	clipped := uint64(0) // their share
	for n := len(sums); n > 0 && clipped < million; n-- {
		limit := uint64(math.MaxUint64) // if that overflows
		if high, low := bits.Mul64(rest, p.Cap); high < million-clipped {
			limit, _ = bits.Div64(high, low, million-clipped)
		}
		if uint64(sums[n-1]) <= limit {
			return Credits(limit)
		}
		rest -= uint64(sums[n-1])
		clipped += p.Cap
	}
	return sums[0]
}

// voices gives what each answer weighs, in the order of the reveals: a rich organisation is one voice, whether it has one
// scorer or several.
func (p BlendPolicy) voices(v TaskView) ([]Credits, error) {
	sums := map[string]Credits{}
	for _, r := range v.Reveals {
		seat, _ := v.Task.Seat(r.Account)
		var err error
		if sums[seat.MSPID], err = sums[seat.MSPID].Plus(seat.Weight); err != nil {
			return nil, err
		}
	}
	if len(sums) == 0 {
		return nil, nil
	}
	most := p.most(slices.Collect(maps.Values(sums)))
	weights := make([]Credits, len(v.Reveals))
	for i, r := range v.Reveals {
		seat, _ := v.Task.Seat(r.Account)
		weights[i] = seat.Weight
		if sum := sums[seat.MSPID]; sum > most {
			var err error
			if weights[i], err = shareOf(seat.Weight, most, sum); err != nil {
				return nil, err
			}
		}
		weights[i] = max(weights[i], 1)
	}
	return weights, nil
}

// BlendOf joins the answers that were revealed.
func BlendOf(v TaskView, p BlendPolicy) (Blend, error) {
	weights, err := p.voices(v)
	if err != nil {
		return Blend{}, err
	}
	b := Blend{Low: million, Count: uint32(len(v.Reveals))} //nolint:gosec // at most MaxScorers
	var scores, levels []weighed
	for i, r := range v.Reveals {
		scores, levels = append(scores, weighed{r.Answer.Score, weights[i]}), append(levels, weighed{int64(r.Answer.Level), weights[i]})
		b.Low, b.High = min(b.Low, r.Answer.Score), max(b.High, r.Answer.Score)
	}
	b.Score, b.Level = lowerMedian(scores), VerdictLevel(lowerMedian(levels)) //nolint:gosec // a level
	return b, nil
}

// settleBlend makes the median of different models' answers final. Nobody is wrong before an inspection. Where the models
// of all answers were revoked since, nobody's answer counts.
func settleBlend(v TaskView, p ScoringPolicy, l ModelStanding, tx Tx) (TaskDecision, error) {
	counted, blocked, err := withoutRevoked(v, l)
	if err != nil {
		return TaskDecision{}, err
	}
	if len(counted.Reveals) == 0 {
		return v.void(SettledNobody, nil, nil, tx), nil
	}
	blend, err := BlendOf(counted, p.Blend)
	if err != nil {
		return TaskDecision{}, err
	}
	blend.Blocked = blocked
	s, answer := v.Task.Statement, TaskAnswer{Level: blend.Level, Score: blend.Score}
	return TaskDecision{
		Status: StatusRecorded,
		Settlement: &Settlement{
			Task: v.Task.ID, By: SettledBlend, Answer: &answer, Blend: &blend, MSPID: tx.Actor.MSPID, At: tx.Time, TxID: tx.ID,
		},
		Final: &FinalVerdict{Shipment: s.Shipment, Window: s.Window, Task: v.Task.ID, Answer: answer, By: SettledBlend, At: tx.Time, TxID: tx.ID},
	}, nil
}

// InspectTask names the event of an inspection that says what a blend should have said.
type InspectTask struct {
	Task  Digest `cbor:"1,keyasint"`
	Event Digest `cbor:"2,keyasint"`
}

// Inspection is what an inspection said of a blend, and how far each scorer was from it. Written once a task.
type Inspection struct {
	Task    Digest `cbor:"1,keyasint"`
	Event   Digest `cbor:"2,keyasint"`
	Spoiled bool   `cbor:"3,keyasint,omitempty"`
	// Losses are by account. Those of the organisation that recorded the event have none: nobody rules on itself.
	Losses []Loss `cbor:"4,keyasint"`
	MSPID  string `cbor:"5,keyasint"` // that recorded the event
	At     Millis `cbor:"6,keyasint"`
	TxID   string `cbor:"7,keyasint"`
}

// Loss is a scorer's Brier score: the square of its distance from what was so, in millionths; 0 is right.
type Loss struct {
	Account Digest `cbor:"1,keyasint"`
	Brier   int64  `cbor:"2,keyasint"`
}

// InspectionOf reads an event as the outcome of an inspection of a shipment; ok is false if it is none.
func InspectionOf(e *epcis.Event, shipment string) (spoiled, ok bool) {
	if e.BizStep != "inspecting" || e.IsErrorDeclaration() || e.Type != epcis.ObjectEvent ||
		!slices.ContainsFunc(e.Items(), func(i epcis.Item) bool { return i.Canonical == shipment && !i.Class }) {
		return false, false
	}
	switch e.Disposition {
	case "conformant", "sellable_accessible", "sellable_not_accessible":
		return false, true
	case "non_conformant", "non_sellable_other", "damaged", "expired", "destroyed", "disposed":
		return true, true
	}
	return false, false
}

// BrierLoss is the square of the distance of a score from what was so, in millionths.
func BrierLoss(score int64, spoiled bool) int64 {
	d := score
	if spoiled {
		d = million - score
	}
	return d * d / million
}

// InspectBlend decides on settling a blend by what an inspection said. What a scorer gets is its share of the panel's stake,
// times (1 + the mean loss − its own)/2: the score that it thinks is right pays it best, whatever the others say, it is
// never negative, and what everybody knows pays half. In the mean each loss weighs its share of the panel's stake, one's own
// too, so that neither splitting a stake nor being wrong for a friend gains anything. Who recorded the event, its seats are
// paid nothing and add nothing to the mean. An inspection speaks of the last window that was final before it. What the event says is read when nothing else refuses it.
func InspectBlend(op InspectTask, outcome func() (spoiled bool, err error), done *Inspection, v TaskView, l ScoringLedger, tx Tx) (TaskDecision, error) {
	if _, err := callersAccount(l, tx); err != nil {
		return TaskDecision{}, err
	}
	switch {
	case v.Phase() == TaskAbsent:
		return TaskDecision{}, refuse(ErrUnknown, "the task was not opened")
	case v.Settlement == nil || v.Settlement.By != SettledBlend:
		return TaskDecision{}, wrongPhase(v, "waits for no inspection")
	case done != nil && done.Event != op.Event:
		return TaskDecision{}, refuse(ErrConflict, "event %s said what was so", done.Event)
	case done != nil:
		return TaskDecision{Status: StatusDuplicate, In: done.TxID}, nil
	}
	record, err := l.Event(op.Event)
	switch {
	case err != nil:
		return TaskDecision{}, err
	case record == nil || record.DeclaredInError:
		return TaskDecision{}, refuse(ErrUnknown, "event %s", op.Event)
	case record.RecordedAt < v.Settlement.At:
		return TaskDecision{}, refuse(ErrTaskTime, "the inspection was recorded before the verdict")
	}
	if err = lastBefore(v.Task.Statement, *record, l); err != nil {
		return TaskDecision{}, err
	}
	policy, err := policyOf(v, l)
	if err != nil {
		return TaskDecision{}, err
	}
	spoiled, err := outcome()
	if err != nil {
		return TaskDecision{}, err
	}
	truth, err := mintable(policy.Blend.Truth, l)
	if err != nil {
		return TaskDecision{}, err
	}
	result := Inspection{Task: op.Task, Event: op.Event, Spoiled: spoiled, MSPID: record.MSPID, At: tx.Time, TxID: tx.ID}
	var weights []Credits // of the losses
	mean := Credits(0)    // millionths, at most a million
	for _, r := range v.Reveals {
		seat, _ := v.Task.Seat(r.Account)
		if seat.MSPID == record.MSPID || slices.Contains(v.Settlement.Blend.Blocked, r.Account) {
			continue
		}
		loss := BrierLoss(r.Answer.Score, spoiled)
		part, err := shareOf(Credits(loss), seat.Weight, v.Task.Weight) //nolint:gosec // 0 to a million
		if err != nil {
			return TaskDecision{}, err
		}
		result.Losses, weights, mean = append(result.Losses, Loss{Account: r.Account, Brier: loss}), append(weights, seat.Weight), mean+part
	}
	d := TaskDecision{Status: StatusRecorded, Inspection: &result}
	var payments []Payment
	for i, loss := range result.Losses {
		share, err := shareOf(truth, weights[i], v.Task.Weight)
		if err != nil {
			return TaskDecision{}, err
		}
		pay, err := shareOf(share, million+mean-Credits(loss.Brier), 2*million) //nolint:gosec // 0 to a million
		if err != nil {
			return TaskDecision{}, err
		}
		if pay > 0 {
			payments = append(payments, Payment{To: loss.Account, Amount: pay})
		}
	}
	if len(payments) > 0 {
		d.Reward = &Reward{Task: "truth/" + v.Task.ID.String(), Payments: payments}
	}
	return d, nil
}

// maxVoid is how many windows after a blend may be without a final verdict for an inspection not to speak of it still.
const maxVoid = 32

// lastBefore holds that no later window of the shipment was final when the inspection was recorded: that one is what it
// speaks of. Windows between may have none, as their tasks were void.
func lastBefore(s TaskStatement, inspection EventRecord, l ScoringLedger) error {
	for window := s.Window + 1; window != 0 && window-s.Window <= maxVoid; window++ {
		later, err := l.FinalVerdict(s.Shipment, window, s.Model)
		if err != nil {
			return err
		}
		if later != nil && later.At <= inspection.RecordedAt {
			return refuse(ErrConflict, "window %d was final before the inspection too, which speaks of that", later.Window)
		}
	}
	return nil
}
