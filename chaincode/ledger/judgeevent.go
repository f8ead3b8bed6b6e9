package ledger

import (
	"slices"

	"github.com/waybill-dev/waybill/epcis"
)

// JudgeEvent gives the findings on an event by itself: a function of the event, its record, and what is
// registered. An event that its recorder declared in error has none. They come in the order of code, then item.
func JudgeEvent(in EventInput, record EventRecord, book Rulebook, shelf Shelf, balanced func(product string) (bool, error)) ([]Finding, error) {
	if record.DeclaredInError {
		return nil, nil
	}
	var out []Finding
	if in.Mismatch {
		out = append(out, MismatchFinding(in))
	}
	out = append(out, timely(in, record, book.Rules)...)
	if book.Places || book.Rules.StrictPlaces {
		for _, id := range in.Places {
			found, err := placed(in, record, id, book, shelf)
			if err != nil {
				return nil, err
			}
			out = append(out, found...)
		}
	}
	if book.Products {
		found, err := balancedEvent(in, balanced)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	return out, nil
}

// timely looks at the time between an event and its recording.
func timely(in EventInput, record EventRecord, rules Rules) []Finding {
	switch late := record.RecordedAt - in.At; {
	case rules.EventBehind > 0 && late > rules.EventBehind:
		return []Finding{newFinding(FindingEventTime, "", in.Hash, Digest{},
			"The event says %s and was recorded at %s, %s later; %s is allowed.", stamp(in.At), stamp(record.RecordedAt), span(late), span(rules.EventBehind)).
			measured(int64(late), int64(rules.EventBehind), "ms")}
	case rules.EventAhead > 0 && -late > rules.EventAhead:
		return []Finding{newFinding(FindingEventTime, "", in.Hash, Digest{},
			"The event says %s and was recorded at %s, %s earlier; %s is allowed.", stamp(in.At), stamp(record.RecordedAt), span(-late), span(rules.EventAhead)).
			measured(int64(-late), int64(rules.EventAhead), "ms")}
	}
	return nil
}

// placed looks at who did what at a place. A place that is not registered is a finding only where the
// rules want every place registered.
func placed(in EventInput, record EventRecord, id string, book Rulebook, shelf Shelf) ([]Finding, error) {
	var place *MasterDatum
	if book.Places {
		var err error
		if place, err = shelf.Place(id); err != nil {
			return nil, err
		}
	}
	if place == nil {
		if !book.Rules.StrictPlaces {
			return nil, nil
		}
		return []Finding{newFinding(FindingUnregisteredPlace, id, in.Hash, Digest{},
			"The event of %s names place %s, which nobody has registered.", record.MSPID, id)}, nil
	}
	var out []Finding
	if _, operates := slices.BinarySearch(place.Place.Operators, record.MSPID); !operates && place.Owner != record.MSPID {
		out = append(out, newFinding(FindingUnregisteredOrganisation, id, in.Hash, Digest{},
			"%s recorded an event at place %s of %s, version %d of which does not name it among the operators.", record.MSPID, id, place.Owner, place.Version))
	}
	step := string(in.Event.BizStep)
	if _, may := slices.BinarySearch(place.Place.Steps, step); !may && step != "" && len(place.Place.Steps) > 0 {
		out = append(out, newFinding(FindingUnregisteredStep, id, in.Hash, Digest{},
			"The event says %s at place %s, version %d of which does not register that step.", step, id, place.Version))
	}
	return out, nil
}

// balancedEvent looks at the mass in a transformation that is whole in one event: all of it is stated in
// quantities of mass of products that balance.
func balancedEvent(in EventInput, balanced func(product string) (bool, error)) ([]Finding, error) {
	e := in.Event
	if e.Type != epcis.TransformationEvent || e.TransformationID != "" || len(e.InputEPCs)+len(e.OutputEPCs) > 0 {
		return nil, nil
	}
	var inputs, outputs Measure
	stated := 0
	for _, a := range in.Amounts {
		product := ProductOf(a.Class)
		amount, uom, exact := a.Account()
		if product == "" || !exact || uom != massUnit {
			return nil, nil
		}
		if ok, err := balanced(product); err != nil || !ok {
			return nil, err
		}
		if a.Role == epcis.RoleOutput {
			outputs = outputs.plus(amount)
		} else {
			inputs = inputs.plus(amount)
			stated++
		}
	}
	if stated == 0 || inputs.plus(outputs.within(maxConverted).negated()).Micro >= 0 {
		return nil, nil
	}
	out := outputs.Micro
	if outputs.Part > 0 {
		out++ // so that what is said is more than went in
	}
	return []Finding{newFinding(FindingQuantityImbalance, "", in.Hash, Digest{},
		"%s %s came out of a transformation at %s and %s went in.", out, massUnit, stamp(in.At), inputs.Micro).
		measured(int64(out), int64(inputs.Micro), massUnit)}, nil
}
