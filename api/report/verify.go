package report

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/waybill-dev/waybill/epcis"
)

// Identity is what a package says of itself: its product identifier under 21 USC 360eee(14).
type Identity struct {
	// EPC is the serialised product: an EPC URN or a GS1 Digital Link of an SGTIN. Instead of it, GTIN
	// and Serial.
	EPC, GTIN, Serial string
	// Lot and Expiry are compared with what was commissioned; empty ones are not. Expiry is YYYY-MM-DD,
	// or YYMMDD as in the barcode.
	Lot, Expiry string
}

// parse gives the canonical identifier and the expiry date.
func (i Identity) parse() (epc string, until Value, err error) {
	switch {
	case i.EPC != "" && (i.GTIN != "" || i.Serial != ""):
		return "", until, fmt.Errorf("%w: name the product by its EPC, or by GTIN and serial number, not by both", ErrArgument)
	case i.EPC != "":
		epc, err = serialID(i.EPC)
	default:
		epc, err = SerialID(i.GTIN, i.Serial)
	}
	if err != nil {
		return "", until, err
	}
	if len(i.Lot) > 20 {
		return "", until, fmt.Errorf("%w: a batch or lot number has at most 20 characters", ErrArgument)
	}
	if i.Expiry != "" {
		if until = expiry(i.Expiry); until.kind != Date {
			return "", until, fmt.Errorf("%w: %q is no expiry date: YYYY-MM-DD, or YYMMDD as in the barcode", ErrArgument, i.Expiry)
		}
	}
	return epc, until, nil
}

// Outcome is the answer of a verification.
type Outcome string

// The outcomes. A suspect product may match in every part.
const (
	Verified Outcome = "verified"
	NotFound Outcome = "not found"
	Mismatch Outcome = "mismatch"
	Suspect  Outcome = "suspect"
)

// ReasonCode says why a product is not simply verified.
type ReasonCode string

// The reasons. Those of a finding have its code behind "finding:".
const (
	ReasonUnknown         ReasonCode = "unknown"                // no event names it
	ReasonNotCommissioned ReasonCode = "never_commissioned"     // events name it, none commissions it
	ReasonCommissionError ReasonCode = "commissioning_in_error" // its commissioning was declared wrong
	ReasonLot             ReasonCode = "lot_differs"
	ReasonLotUnknown      ReasonCode = "lot_not_on_record"
	ReasonExpiry          ReasonCode = "expiry_differs"
	ReasonExpiryUnknown   ReasonCode = "expiry_not_on_record"
	ReasonTwice           ReasonCode = "commissioned_twice"
	ReasonRegistrant      ReasonCode = "commissioned_by_another" // than who registered the product
	ReasonEnded           ReasonCode = "no_longer_in_commerce"   // decommissioned, destroyed, dispensed …
	ReasonDisposition     ReasonCode = "disposition"             // recalled, stolen, damaged …
	ReasonExpired         ReasonCode = "expired"
	ReasonFindingPrefix   ReasonCode = "finding:"
)

// Reason is one reason with the event that it rests on.
type Reason struct {
	Code   ReasonCode
	Detail string
	Event  epcis.Hash // zero if there is none
}

// NoEvent reports whether the reason rests on no one event.
func (r Reason) NoEvent() bool { return r.Event == epcis.Hash{} }

// Verification answers whether a product is what was commissioned.
type Verification struct {
	EPC     string // canonical
	Outcome Outcome
	// Reasons are those of the outcome; for a verified product none.
	Reasons []Reason
	// Commissioned is the event that brought the product into being; nil if there is none.
	Commissioned *Record
	// LotMatches and ExpiryMatches tell of what was asked; both are false for what was not asked.
	LotMatches, ExpiryMatches bool
	// Status, Custodian and Container are the product's state on the ledger.
	Status, Custodian, Container string
	AsOf                         AsOf
}

// Verify answers whether a serialised product, with the lot and the expiry date that it bears, is what
// was commissioned. at is the moment by which it counts as expired. ErrArgument, or the source's error.
func Verify(ctx context.Context, source Source, identity Identity, at time.Time) (Verification, error) {
	epc, until, err := identity.parse()
	if err != nil {
		return Verification{}, err
	}
	v := Verification{EPC: epc}
	if v.AsOf, err = source.AsOf(ctx); err != nil {
		return v, err
	}
	facts, err := source.Item(ctx, epc)
	if err != nil {
		return v, err
	}
	v.Status, v.Custodian, v.Container = facts.Status, facts.Custodian, facts.Container
	view := newLedgerView(source, nil, v.AsOf)
	const first = 64
	found, _, err := source.Naming(ctx, []string{epc}, Asked{Roles: AsEPC | AsOutput, Beginnings: true, Limit: first, AsOf: v.AsOf})
	if err != nil {
		return v, err
	}
	beginnings := slices.DeleteFunc(view.events(found[epc]), func(e *event) bool { return !begins(e) })
	right := slices.DeleteFunc(slices.Clone(beginnings), func(e *event) bool { return e.rec.InError })
	if len(right) == 0 {
		v.notFound(facts, beginnings)
		return v, nil
	}
	v.Commissioned = right[0].rec
	v.compare(originOf(right[:1]), identity, until)
	mismatch := len(v.Reasons) > 0
	for _, e := range right[1:] {
		v.suspect(ReasonTwice, "commissioned again", e.rec.Hash)
	}
	v.doubts(facts, right[0], at)
	switch {
	case mismatch:
		v.Outcome = Mismatch
	case len(v.Reasons) > 0:
		v.Outcome = Suspect
	default:
		v.Outcome = Verified
	}
	return v, nil
}

func (v *Verification) suspect(code ReasonCode, detail string, event epcis.Hash) {
	v.Reasons = append(v.Reasons, Reason{code, detail, event})
}

func (v *Verification) notFound(facts ItemFacts, wrong []*event) {
	v.Outcome = NotFound
	switch {
	case len(wrong) > 0:
		v.suspect(ReasonCommissionError, "the event that commissioned it was declared in error", wrong[0].rec.Hash)
	case facts.Known:
		v.suspect(ReasonNotCommissioned, "events name this serial number, and none commissions it", epcis.Hash{})
	default:
		v.suspect(ReasonUnknown, "no event on the ledger names this serial number", epcis.Hash{})
	}
	v.findings(facts)
}

// compare says what differs. It does not say what would be right: who asks with a wrong lot may be
// looking for one that passes.
func (v *Verification) compare(from *origin, identity Identity, until Value) {
	if identity.Lot != "" {
		switch from.lot {
		case identity.Lot:
			v.LotMatches = true
		case "":
			v.suspect(ReasonLotUnknown, "the event that commissioned it states no lot", from.event)
		default:
			v.suspect(ReasonLot, "it was commissioned with another lot", from.event)
		}
	}
	if !until.Empty() {
		switch {
		case from.expiry.kind == Date && from.expiry.set && from.expiry.at == until.at:
			v.ExpiryMatches = true
		case from.expiry.Empty():
			v.suspect(ReasonExpiryUnknown, "the event that commissioned it states no expiry date", from.event)
		default:
			v.suspect(ReasonExpiry, "it was commissioned with another expiry date", from.event)
		}
	}
}

// doubts adds what makes a product suspect though it may match.
func (v *Verification) doubts(facts ItemFacts, commissioned *event, at time.Time) {
	by := commissioned.rec.Hash
	if facts.Registrant != "" && facts.Registrant != commissioned.rec.RecordedBy {
		v.suspect(ReasonRegistrant, "commissioned by "+commissioned.rec.RecordedBy+"; the product is registered by "+facts.Registrant, by)
	}
	if facts.Ended {
		v.suspect(ReasonEnded, "its state is "+facts.Status, epcis.Hash{})
	}
	switch facts.Disposition {
	case "recalled", "stolen", "damaged", "destroyed", "disposed", "expired", "no_pedigree_match", "non_sellable_other", "inactive",
		"mismatch_instance", "mismatch_class", "mismatch_quantity", "non_conformant", "dispensed", "retail_sold":
		v.suspect(ReasonDisposition, "its disposition is "+facts.Disposition, epcis.Hash{})
	}
	if until := originOf([]*event{commissioned}).expiry; until.kind == Date && until.set && at.After(until.moment().AddDate(0, 0, 1)) {
		v.suspect(ReasonExpired, "it expired on "+until.String(), by)
	}
	v.findings(facts)
}

func (v *Verification) findings(facts ItemFacts) {
	for _, f := range facts.Findings {
		if f.Closed || !f.Grave {
			continue
		}
		v.suspect(ReasonFindingPrefix+ReasonCode(f.Code), strings.TrimSpace(f.Detail), f.Event)
	}
}
