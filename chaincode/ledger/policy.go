package ledger

import (
	"slices"
	"strings"
)

// AnyProduct is the product of the default policy.
const AnyProduct = "*"

const (
	tenYears   Millis = 10 * 366 * 24 * 3_600_000
	classStart        = "https://id.gs1.org/01/"
)

// CheckPolicy holds that a policy makes sense: a plain id, products in canonical form, ascending and
// once each, ranges inside each other, spans of at most ten years.
func CheckPolicy(p Policy) error {
	if !plainName(p.ID, MaxPolicyIDBytes) {
		return refuse(ErrSchema, "a policy id is of a-z, 0-9, '.', '_' and '-', at most %d bytes, and begins with a letter or digit", MaxPolicyIDBytes)
	}
	if p.Version == 0 {
		return refuse(ErrSchema, "versions of a policy begin at 1")
	}
	if len(p.Products) == 0 || len(p.Products) > MaxPolicyProducts {
		return refuse(ErrSchema, "a policy names 1 to %d products", MaxPolicyProducts)
	}
	for i, product := range p.Products {
		if product != AnyProduct && !isGTINClass(product) {
			return refuse(ErrSchema, "product %q is neither %q nor %s and a GTIN of 14 digits with its check digit", product, AnyProduct, classStart)
		}
		if i > 0 && product <= p.Products[i-1] {
			return refuse(ErrSchema, "products must ascend, once each")
		}
	}
	low, high, _ := Temperature.Bounds()
	if p.ExcursionLow < low || p.ExcursionLow > p.Low || p.Low >= p.High || p.High > p.ExcursionHigh || p.ExcursionHigh > high {
		return refuse(ErrSchema, "the recommended range %d to %d must lie within the excursion range %d to %d, in thousandths of a degree Celsius",
			p.Low, p.High, p.ExcursionLow, p.ExcursionHigh)
	}
	for _, span := range []Millis{p.ExcursionFor, p.Grace, p.MKTOver, p.FreezeFor, p.WindowAtLeast} {
		if span < 0 || span > tenYears {
			return refuse(ErrSchema, "a span of %d ms; spans are from 0 to ten years", span)
		}
	}
	if p.MKTOver == 0 && p.MKTMax != 0 || p.MKTMax < low || p.MKTMax > high {
		return refuse(ErrSchema, "a highest mean kinetic temperature needs a span and must be plausible")
	}
	if p.FreezeBelow == nil && p.FreezeFor != 0 {
		return refuse(ErrSchema, "a span of freezing needs a temperature of freezing")
	}
	if p.FreezeBelow != nil && (*p.FreezeBelow < low || *p.FreezeBelow > high) {
		return refuse(ErrSchema, "a temperature of freezing of %d thousandths of a degree Celsius", *p.FreezeBelow)
	}
	return nil
}

// PolicyView is what the ledger holds that bears on a version of a policy.
type PolicyView struct {
	Recorded *Policy // this version, if any
	Previous *Policy // the version before, if any
	// Owner tells which policy a product has now, empty if none.
	Owner func(product string) (id string, err error)
	// Holder tells which organisation holds the product's company prefix, empty if nobody does; nil if
	// nobody holds any.
	Holder func(product string) (mspID string, err error)
}

// PolicyDecision is what becomes of a version of a policy.
type PolicyDecision struct {
	Status  Status
	Policy  Policy   // to be written when recorded; else the recorded one
	Take    []string // products that now have this policy
	Release []string // products that had it and no longer do
}

// DecidePolicy decides on a version of a policy that CheckPolicy passed. Versions follow each other
// without gaps and stay with the organisation that set the first; a product has one policy.
func DecidePolicy(p Policy, view PolicyView, tx Tx) (PolicyDecision, error) {
	if view.Recorded != nil {
		if !samePolicy(*view.Recorded, p) {
			return PolicyDecision{}, refuse(ErrConflict, "version %d of policy %s is set; set version %d", p.Version, p.ID, p.Version+1)
		}
		return PolicyDecision{Status: StatusDuplicate, Policy: *view.Recorded}, nil
	}
	var before []string
	if p.Version > 1 {
		switch {
		case view.Previous == nil:
			return PolicyDecision{}, refuse(ErrConflict, "version %d of policy %s is not set; versions follow each other", p.Version-1, p.ID)
		case view.Previous.SetBy != tx.Actor.MSPID:
			return PolicyDecision{}, refuse(ErrUnauthorised, "policy %s belongs to %s", p.ID, view.Previous.SetBy)
		}
		before = view.Previous.Products
	}
	p.SetBy, p.SetAt, p.TxID = tx.Actor.MSPID, tx.Time, tx.ID
	d := PolicyDecision{Status: StatusRecorded, Policy: p, Take: p.Products}
	for _, product := range p.Products {
		owner, err := view.Owner(product)
		if err != nil {
			return PolicyDecision{}, err
		}
		if owner != "" && owner != p.ID {
			return PolicyDecision{}, refuse(ErrConflict, "product %s has policy %s", product, owner)
		}
		if view.Holder == nil || product == AnyProduct {
			continue
		}
		if holder, err := view.Holder(product); err != nil {
			return PolicyDecision{}, err
		} else if holder != "" && holder != tx.Actor.MSPID {
			return PolicyDecision{}, refuse(ErrUnauthorised, "product %s bears the company prefix of %s, whose policy it is to set", product, holder)
		}
	}
	for _, product := range before {
		if _, kept := slices.BinarySearch(p.Products, product); !kept {
			d.Release = append(d.Release, product)
		}
	}
	return d, nil
}

// samePolicy compares what the submitter states.
func samePolicy(a, b Policy) bool {
	if !slices.Equal(a.Products, b.Products) || (a.FreezeBelow == nil) != (b.FreezeBelow == nil) ||
		a.FreezeBelow != nil && *a.FreezeBelow != *b.FreezeBelow {
		return false
	}
	return a.ID == b.ID && a.Version == b.Version &&
		a.Low == b.Low && a.High == b.High && a.ExcursionLow == b.ExcursionLow && a.ExcursionHigh == b.ExcursionHigh &&
		a.ExcursionFor == b.ExcursionFor && a.Grace == b.Grace && a.MKTMax == b.MKTMax && a.MKTOver == b.MKTOver &&
		a.FreezeFor == b.FreezeFor && a.WindowAtLeast == b.WindowAtLeast
}

// plainName reports whether s is of a-z, 0-9, '.', '_' and '-' and begins with a letter or digit.
func plainName(s string, limit int) bool {
	if s == "" || len(s) > limit {
		return false
	}
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
		if !letter && (i == 0 || c != '.' && c != '_' && c != '-') {
			return false
		}
	}
	return true
}

// isGTINClass reports whether s is the canonical Digital Link of a GTIN-14 with a right check digit.
func isGTINClass(s string) bool {
	gtin, ok := strings.CutPrefix(s, classStart)
	if !ok || len(gtin) != 14 {
		return false
	}
	sum := 0
	for i := range len(gtin) {
		if gtin[i] < '0' || gtin[i] > '9' {
			return false
		}
		// GS1 General Specifications, 7.9: weights 3 and 1 from the left of 14 digits.
		sum += int(gtin[i]-'0') * (3 - 2*(i%2))
	}
	return sum%10 == 0
}
