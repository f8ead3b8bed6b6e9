package ledger

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/waybill-dev/waybill/epcis"
)

// BlendPolicy says how answers of different models are joined.
type BlendPolicy struct {
	// Cap is the most that one scorer weighs, in millionths of the stake that was revealed.
	Cap uint64 `cbor:"1,keyasint"`
	// Truth is shared, by stake and by how right each was, when an inspection says what was so.
	Truth Credits `cbor:"2,keyasint,omitempty"`
}

func (p BlendPolicy) check() error {
	if p.Cap == 0 || p.Cap > million || p.Truth > MaxCredits {
		return refuse(ErrSchema, "a scorer weighs from 1 to %d millionths of a blend", million)
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

// BlendOf joins the answers that were revealed. No weight is more than the policy's share of all, so that a rich
// scorer is one voice.
func BlendOf(v TaskView, p BlendPolicy) (Blend, error) {
	var all Credits
	for _, r := range v.Reveals {
		seat, _ := v.Task.Seat(r.Account)
		var err error
		if all, err = all.Plus(seat.Weight); err != nil {
			return Blend{}, err
		}
	}
	most, err := all.Share(p.Cap)
	if err != nil {
		return Blend{}, err
	}
	most = max(most, 1)
	b := Blend{Low: million, Count: uint32(len(v.Reveals))} //nolint:gosec // at most MaxScorers
	var scores, levels []weighed
	for _, r := range v.Reveals {
		seat, _ := v.Task.Seat(r.Account)
		w := min(seat.Weight, most)
		scores, levels = append(scores, weighed{r.Answer.Score, w}), append(levels, weighed{int64(r.Answer.Level), w})
		b.Low, b.High = min(b.Low, r.Answer.Score), max(b.High, r.Answer.Score)
	}
	b.Score, b.Level = lowerMedian(scores), VerdictLevel(lowerMedian(levels)) //nolint:gosec // a level
	return b, nil
}

// settleBlend makes the median of different models' answers final. Nobody is wrong before an inspection.
func settleBlend(v TaskView, p ScoringPolicy, tx Tx) (TaskDecision, error) {
	blend, err := BlendOf(v, p.Blend)
	if err != nil {
		return TaskDecision{}, err
	}
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
	Losses  []Loss `cbor:"4,keyasint"` // by account
	MSPID   string `cbor:"5,keyasint"` // that recorded the event
	At      Millis `cbor:"6,keyasint"`
	TxID    string `cbor:"7,keyasint"`
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

// InspectBlend decides on settling a blend by what an inspection said. What a scorer gets is its share of the stake,
// times (1 + the others' mean loss − its own)/2: the score that it thinks is right pays it best, whatever the others
// say, it is never negative, and what everybody knows pays half.
func InspectBlend(op InspectTask, spoiled bool, done *Inspection, v TaskView, l ScoringLedger, tx Tx) (TaskDecision, error) {
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
	policy, err := policyOf(v, l)
	if err != nil {
		return TaskDecision{}, err
	}
	result := Inspection{Task: op.Task, Event: op.Event, Spoiled: spoiled, MSPID: record.MSPID, At: tx.Time, TxID: tx.ID}
	var all, sum Credits // sum of weight times loss, in millionths
	for _, r := range v.Reveals {
		seat, _ := v.Task.Seat(r.Account)
		loss := BrierLoss(r.Answer.Score, spoiled)
		result.Losses = append(result.Losses, Loss{Account: r.Account, Brier: loss})
		weighed, err := seat.Weight.Share(uint64(loss)) //nolint:gosec // 0 to a million
		if err != nil {
			return TaskDecision{}, err
		}
		all, sum = all+seat.Weight, sum+weighed
	}
	d := TaskDecision{Status: StatusRecorded, Inspection: &result}
	var payments []Payment
	for i, r := range v.Reveals {
		seat, _ := v.Task.Seat(r.Account)
		own, err := seat.Weight.Share(uint64(result.Losses[i].Brier)) //nolint:gosec // 0 to a million
		if err != nil {
			return TaskDecision{}, err
		}
		others := uint64(0) // their mean loss, in millionths
		if all > seat.Weight && sum >= own {
			high, low := bits.Mul64(uint64(sum-own), million)
			others, _ = bits.Div64(high, low, uint64(all-seat.Weight))
		}
		share, err := shareOf(policy.Blend.Truth, seat.Weight, all)
		if err != nil {
			return TaskDecision{}, err
		}
		pay, err := share.Share((million + min(others, million) - uint64(result.Losses[i].Brier)) / 2) //nolint:gosec // 0 to a million
		if err != nil {
			return TaskDecision{}, err
		}
		if pay > 0 {
			payments = append(payments, Payment{To: r.Account, Amount: pay})
		}
	}
	if len(payments) > 0 {
		d.Reward = &Reward{Task: "truth/" + v.Task.ID.String(), Payments: payments}
	}
	return d, nil
}
