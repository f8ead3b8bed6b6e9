package ledger

import (
	"fmt"

	"github.com/waybill-dev/waybill/epcis"
)

// FindingCode names a deterministic rule.
type FindingCode string

// The rules whose findings the contract records. The codes are stable.
const (
	// Of one item and its events.
	FindingCommissionedTwice       FindingCode = "commissioned_twice"
	FindingMovedAfterDecommission  FindingCode = "moved_after_decommission"
	FindingShippedByNonHolder      FindingCode = "shipped_by_non_holder"
	FindingPackedTwice             FindingCode = "packed_in_two_places"
	FindingNotReceived             FindingCode = "shipped_not_received"
	FindingReceivedWithoutShipping FindingCode = "received_without_shipping"
	FindingReshipped               FindingCode = "reshipped_before_receipt"
	FindingImpossibleJourney       FindingCode = "impossible_journey"
	// Of one event.
	FindingEventIDMismatch          FindingCode = "event_id_mismatch"
	FindingEventTime                FindingCode = "event_time_far_from_recording"
	FindingUnregisteredPlace        FindingCode = "unregistered_place"
	FindingUnregisteredOrganisation FindingCode = "unregistered_organisation"
	FindingUnregisteredStep         FindingCode = "unregistered_step"
	// Of quantities, in one event or one account.
	FindingQuantityImbalance FindingCode = "quantity_imbalance"
)

// FindingCodes lists every rule, those of items first.
func FindingCodes() []FindingCode {
	return append(itemCodes(), eventCodes()...)
}

// itemCodes lists the rules of one item and its events.
func itemCodes() []FindingCode {
	return []FindingCode{
		FindingCommissionedTwice, FindingMovedAfterDecommission, FindingShippedByNonHolder, FindingPackedTwice,
		FindingNotReceived, FindingReceivedWithoutShipping, FindingReshipped, FindingImpossibleJourney,
	}
}

// eventCodes lists the rules of one event.
func eventCodes() []FindingCode {
	return []FindingCode{
		FindingEventIDMismatch, FindingEventTime, FindingUnregisteredPlace, FindingUnregisteredOrganisation,
		FindingUnregisteredStep, FindingQuantityImbalance,
	}
}

// Naming names a finding on the whole ledger.
type Naming struct {
	Event Digest
	Code  FindingCode
	Item  string
}

// Naming gives the finding's name.
func (f Finding) Naming() Naming { return Naming{Event: f.Event, Code: f.Code, Item: f.Item} }

// EventNamings lists every finding that may be on the event by itself.
func (in EventInput) EventNamings() []Naming {
	var out []Naming
	for _, code := range eventCodes() {
		switch code {
		case FindingUnregisteredPlace, FindingUnregisteredOrganisation, FindingUnregisteredStep:
			for _, id := range in.Places {
				out = append(out, Naming{in.Hash, code, id})
			}
		default:
			out = append(out, Naming{in.Hash, code, ""})
		}
	}
	return out
}

// ItemNamings lists every finding that the event may be the later event of, on an item.
func (in EventInput) ItemNamings(epc string) []Naming {
	var out []Naming
	for _, code := range itemCodes() {
		out = append(out, Naming{in.Hash, code, epc})
	}
	return out
}

// Severity is how much a finding weighs for a person who has to choose what to look at first.
type Severity uint8

// The severities.
const (
	SeverityInfo     Severity = 1
	SeverityWarning  Severity = 2
	SeverityCritical Severity = 3
)

// String names the severity in lower case.
func (s Severity) String() string {
	switch s {
	case SeverityInfo:
		return "info"
	case SeverityWarning:
		return "warning"
	case SeverityCritical:
		return "critical"
	default:
		return "unknown"
	}
}

// Severity gives the severity of a rule's findings: critical where an item cannot be what it claims to
// be, info where only the record is doubtful.
func (c FindingCode) Severity() Severity {
	switch c {
	case FindingCommissionedTwice, FindingMovedAfterDecommission, FindingImpossibleJourney:
		return SeverityCritical
	case FindingEventIDMismatch, FindingEventTime:
		return SeverityInfo
	case FindingShippedByNonHolder, FindingPackedTwice, FindingNotReceived, FindingReceivedWithoutShipping, FindingReshipped,
		FindingUnregisteredPlace, FindingUnregisteredOrganisation, FindingUnregisteredStep, FindingQuantityImbalance:
		return SeverityWarning
	default:
		return SeverityWarning
	}
}

// FindingChange is what a transaction did to a finding.
type FindingChange uint8

// The changes. A finding is open unless it was closed last.
const (
	FindingRaised  FindingChange = 1 // or raised again after it was closed
	FindingAmended FindingChange = 2 // it stays open on other evidence
	FindingClosed  FindingChange = 3
)

// String names the change in lower case.
func (c FindingChange) String() string {
	switch c {
	case FindingRaised:
		return "raised"
	case FindingAmended:
		return "amended"
	case FindingClosed:
		return "closed"
	default:
		return "unknown"
	}
}

// Finding is a rule's result on chain: what does not fit, in which item and which events. Code, Event
// and Item name it; the event is the later one of the two that do not fit, whichever was recorded first.
type Finding struct {
	Code   FindingCode `cbor:"1,keyasint"`
	Item   string      `cbor:"2,keyasint,omitempty"` // canonical EPC, lot, transformation or place; empty if it concerns the event alone
	Event  Digest      `cbor:"3,keyasint"`           // the event that does not fit
	Other  Digest      `cbor:"4,keyasint"`           // the event it does not fit with; zero if none
	Detail string      `cbor:"5,keyasint"`           // for a person: what does not fit, with its values and limits
	// Value is what was found and Limit what is allowed, in Unit ("ms", "m/h", or a unit of measure in
	// millionths); Unit is empty where nothing is measured.
	Value    int64         `cbor:"6,keyasint,omitempty"`
	Limit    int64         `cbor:"7,keyasint,omitempty"`
	Unit     string        `cbor:"8,keyasint,omitempty"`
	Severity Severity      `cbor:"9,keyasint,omitempty"`
	Change   FindingChange `cbor:"10,keyasint,omitempty"` // the latest
	RaisedAt Millis        `cbor:"11,keyasint,omitempty"` // time of the transaction that raised it last
	RaisedIn string        `cbor:"12,keyasint,omitempty"` // that transaction
	ClosedAt Millis        `cbor:"13,keyasint,omitempty"` // 0 while it is open
	ClosedIn string        `cbor:"14,keyasint,omitempty"`
	ClosedBy Digest        `cbor:"15,keyasint"` // the event whose recording or declaration closed it; zero for a review
	// Again is how often it was raised again: each time it had been closed.
	Again uint32 `cbor:"16,keyasint,omitempty"`
}

// Open reports whether the finding holds.
func (f Finding) Open() bool { return f.Change != FindingClosed }

// FindingRef names one of the findings of an item or account.
type FindingRef struct {
	Code  FindingCode `cbor:"1,keyasint"`
	Event Digest      `cbor:"2,keyasint"`
}

// Ref names the finding among those of its item.
func (f Finding) Ref() FindingRef { return FindingRef{Code: f.Code, Event: f.Event} }

// sameEvidence reports whether two statements of one finding rest on the same.
func (f Finding) sameEvidence(g Finding) bool {
	return f.Other == g.Other && f.Detail == g.Detail && f.Value == g.Value && f.Limit == g.Limit && f.Unit == g.Unit
}

// Settle gives what becomes of a finding: before is what is recorded of it, nil if nothing; now is the
// rule's present result, nil if it finds nothing any more; by is the event whose recording led here, zero for a
// review. changed is false where nothing is to be written.
func Settle(before, now *Finding, by Digest, tx Tx) (after Finding, changed bool) {
	switch {
	case now != nil && (before == nil || !before.Open()):
		after = *now
		after.Severity, after.Change, after.RaisedAt, after.RaisedIn = now.Code.Severity(), FindingRaised, tx.Time, tx.ID
		if before != nil {
			after.Again = before.Again + 1
		}
	case now != nil && !before.sameEvidence(*now):
		after = *now
		after.Severity, after.Change, after.RaisedAt, after.RaisedIn = before.Severity, FindingAmended, before.RaisedAt, before.RaisedIn
		after.Again = before.Again
	case now == nil && before != nil && before.Open():
		after = *before
		after.Change, after.ClosedAt, after.ClosedIn, after.ClosedBy = FindingClosed, tx.Time, tx.ID, by
	default:
		return Finding{}, false
	}
	return after, true
}

// wasOnce reports whether the finding, as it is recorded now, may have been recorded as was. What a raising begins with
// never changes; what it rests on does when it is amended, and nothing once it is closed. Of a raising before the present one
// the ledger's state says only that there was one, and that it was closed.
func (f Finding) wasOnce(was Finding) bool {
	switch {
	case f.Naming() != was.Naming() || f.Severity != was.Severity || f.Again < was.Again:
		return false
	case f.Again > was.Again:
		return true
	case f.Change == was.Change && f.Change != FindingAmended:
		return f == was
	case !was.Open() || f.Change == FindingRaised:
		return false
	}
	return f.RaisedIn == was.RaisedIn && f.RaisedAt == was.RaisedAt && was.ClosedAt == 0 && was.ClosedIn == "" && was.ClosedBy.IsZero()
}

// newFinding states a finding; the events that it rests on end its sentence.
func newFinding(code FindingCode, item string, event, other Digest, format string, args ...any) Finding {
	f := Finding{Code: code, Item: item, Event: event, Other: other, Detail: fmt.Sprintf(format, args...)}
	if other.IsZero() {
		f.Detail += fmt.Sprintf(" (Event %s.)", event.short())
	} else {
		f.Detail += fmt.Sprintf(" (Events %s and %s.)", other.short(), event.short())
	}
	return f
}

// measured adds what was measured to a finding.
func (f Finding) measured(value, limit int64, unit string) Finding {
	f.Value, f.Limit, f.Unit = value, limit, unit
	return f
}

// short gives as much of a digest as a person compares.
func (d Digest) short() string { return d.String()[:12] }

// MismatchFinding is the finding of an event whose eventID is the hash of other content.
func MismatchFinding(in EventInput) Finding {
	return newFinding(FindingEventIDMismatch, "", in.Hash, Digest{},
		"The eventID is an event hash, and not this event's, which is %s.", epcis.Hash(in.Hash))
}
