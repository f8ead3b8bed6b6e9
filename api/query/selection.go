package query

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/waybill-dev/waybill/epcis"
)

// Select gives the result of the query over events that stand in the order of
// their recording: the plain evaluation that stores are tested against. Pages are
// left to the caller. Events that compare equal stay in order, and those without
// the field to sort by come last. The error is Faults with CodeTooLarge.
func (q *Query) Select(events []*epcis.Event, md MasterData) ([]*epcis.Event, error) {
	var result []*epcis.Event
	for _, e := range events {
		if q.MatchesWith(e, md) {
			result = append(result, e)
		}
	}
	if q.MaxEventCount > 0 && len(result) > q.MaxEventCount {
		return nil, Faults{{
			Parameter: "maxEventCount", Code: CodeTooLarge,
			Message: "the result has more than " + strconv.Itoa(q.MaxEventCount) + " events",
		}}
	}
	if q.Order.Field != OrderNone {
		slices.SortStableFunc(result, q.Order.Compare)
	}
	if q.EventCountLimit > 0 && len(result) > q.EventCountLimit {
		result = result[:q.EventCountLimit]
	}
	return result, nil
}

// Compare orders two events: negative when a comes first.
func (o Order) Compare(a, b *epcis.Event) int {
	sign := 1
	if o.Descending {
		sign = -1
	}
	switch o.Field {
	case OrderEventTime:
		return compareTimes(a.EventTime, b.EventTime, sign)
	case OrderRecordTime:
		return compareTimes(a.RecordTime, b.RecordTime, sign)
	case OrderExtension:
		return compareKeys(o.key(a), o.key(b), sign)
	case OrderNone:
	}
	return 0
}

func compareTimes(a, b epcis.Time, sign int) int {
	if a.IsZero() || b.IsZero() {
		return after(a.IsZero(), b.IsZero())
	}
	return sign * a.Instant.Compare(b.Instant)
}

// key gives the first value of the field to sort by; nil when there is none.
func (o Order) key(e *epcis.Event) *Operand {
	for _, x := range e.Extensions {
		if NameOf(x) != o.Name {
			continue
		}
		if leaves := Leaves(x.Value); len(leaves) > 0 {
			k := NewOperand(leaves[0])
			return &k
		}
	}
	return nil
}

// compareKeys sorts numbers before times before other text.
func compareKeys(a, b *Operand, sign int) int {
	if a == nil || b == nil {
		return after(a == nil, b == nil)
	}
	if c := cmp.Compare(a.class(), b.class()); c != 0 {
		return sign * c
	}
	switch {
	case a.Number != nil:
		return sign * compareNumbers(*a.Number, *b.Number)
	case a.Time != nil:
		return sign * a.Time.Compare(*b.Time)
	}
	return sign * cmp.Compare(a.Text, b.Text)
}

func (o Operand) class() int {
	switch {
	case o.Number != nil:
		return 0
	case o.Time != nil:
		return 1
	}
	return 2
}

// after sorts what is missing last, in either direction.
func after(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}
