package ledger

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/epcis"
)

// Micro is an amount in millionths of its unit of measure.
type Micro int64

// The bounds of accounts.
const (
	MaxAccountMoves = 64
	// maxAmount bounds one stated quantity: a thousand million units.
	maxAmount Micro = 1_000_000_000 * million
	// maxSum bounds what an account adds up; beyond it stays at the bound.
	maxSum Micro = 9_000_000_000_000_000_000

	massUnit  = "KGM"
	lotPart   = "/10/"
	holdsMass = "transformation"
)

// String writes an amount in units, without trailing zeros.
func (m Micro) String() string {
	sign := ""
	n := uint64(m) //nolint:gosec // its magnitude follows
	if m < 0 {
		sign, n = "-", uint64(-m)
	}
	whole, part := n/million, n%million
	if part == 0 {
		return sign + strconv.FormatUint(whole, 10)
	}
	digits := strconv.FormatUint(million+part, 10)[1:]
	return sign + strconv.FormatUint(whole, 10) + "." + strings.TrimRight(digits, "0")
}

// Amount is a stated quantity of a class.
type Amount struct {
	Class string // canonical
	Role  epcis.Role
	Micro Micro
	UOM   string // UN/CEFACT code; empty for counts
	// Exact tells that the quantity is stated and a number that the ledger can hold.
	Exact bool
}

// ReadAmounts reads the quantity lists of an event.
func ReadAmounts(e *epcis.Event) []Amount { return amountsOf(e.Items()) }

// amountsOf reads the quantity lists of an event.
func amountsOf(items []epcis.Item) []Amount {
	var out []Amount
	for _, it := range items {
		if !it.Class {
			continue
		}
		m, ok := parseMicro(string(it.Quantity))
		out = append(out, Amount{Class: it.Canonical, Role: it.Role, Micro: m, UOM: it.UOM, Exact: ok})
	}
	return out
}

// parseMicro reads a decimal number, refusing what is finer than a millionth, negative or too large.
func parseMicro(s string) (Micro, bool) {
	mantissa, exponent, _ := strings.Cut(strings.ToLower(s), "e")
	shift := 0
	if exponent != "" {
		n, err := strconv.Atoi(exponent)
		if err != nil || n < -40 || n > 40 {
			return 0, false
		}
		shift = n
	}
	whole, part, _ := strings.Cut(strings.TrimPrefix(mantissa, "+"), ".")
	digits := strings.TrimLeft(whole+part, "0")
	scale := 6 + shift - len(part)
	for scale < 0 && strings.HasSuffix(digits, "0") {
		digits, scale = digits[:len(digits)-1], scale+1
	}
	if digits == "" {
		return 0, whole+part != ""
	}
	if scale < 0 || len(digits)+scale > 16 || !isDigits(digits, 1, 16) {
		return 0, false
	}
	n, err := strconv.ParseInt(digits+strings.Repeat("0", scale), 10, 64)
	return Micro(n), err == nil && Micro(n) <= maxAmount
}

// inMass converts an amount of mass to kilograms.
func (a Amount) inMass() (Micro, bool) {
	switch a.UOM {
	case massUnit:
		return a.Micro, a.Exact
	case "TNE":
		m := a.Micro * 1_000
		return m, a.Exact && a.Micro <= maxAmount/1_000
	case "GRM":
		return a.Micro / 1_000, a.Exact && a.Micro%1_000 == 0
	}
	return 0, false
}

// ProductOf gives the product of a class: that of a lot without its lot; empty if it is no GTIN.
func ProductOf(class string) string {
	product, _, _ := strings.Cut(class, lotPart)
	if !isGTINClass(product) {
		return ""
	}
	return product
}

// Products lists the products whose quantities the event states, once each.
func (in EventInput) Products() []string {
	var out []string
	for _, a := range in.Amounts {
		if p := ProductOf(a.Class); p != "" && !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

// AccountID names an account: how much of a lot an organisation or a container holds, or what went into
// a transformation and has not come out.
type AccountID struct {
	Holder string // MSP ID, canonical EPC of a container, or "transformation"
	Class  string // canonical lot, or the transformation's id
	UOM    string
}

// Compare orders accounts.
func (id AccountID) Compare(o AccountID) int {
	return cmp.Or(cmp.Compare(id.Holder, o.Holder), cmp.Compare(id.Class, o.Class), cmp.Compare(id.UOM, o.UOM))
}

// Account is the moves of one account: the latest, by (time, in before out, event), and the sum of the
// earlier ones. Both are the same for every order of recording.
type Account struct {
	Moves []Move       `cbor:"1,keyasint,omitempty"`
	Base  Micro        `cbor:"2,keyasint,omitempty"` // sum of the moves before those listed
	Open  []FindingRef `cbor:"3,keyasint,omitempty"`
}

// Move is what one event puts into an account (positive) or takes out (negative).
type Move struct {
	At    Millis `cbor:"1,keyasint"`
	Event Digest `cbor:"2,keyasint"`
	Micro Micro  `cbor:"3,keyasint"`
	// Next is the next unit in which the event moves the same class for the same holder, after the last
	// one the first; nil if it states one unit only. A finding names event and class, and not the unit.
	Next *string `cbor:"4,keyasint,omitempty"`
}

func (m Move) compare(o Move) int {
	out := func(v Move) int {
		if v.Micro < 0 {
			return 1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(m.At, o.At), cmp.Compare(out(m), out(o)), bytes.Compare(m.Event[:], o.Event[:]))
}

// Posting is a move with its account.
type Posting struct {
	Account AccountID
	Move    Move
}

// Postings gives the moves of an event: every quantity of a lot of a balanced product that it states goes from one
// holder to another. mspID is the organisation that recorded it; balanced tells of each product whether its
// owner opted in. Several of one account are one.
func (in EventInput) Postings(mspID string, balanced func(product string) (bool, error)) ([]Posting, error) {
	sums := map[AccountID]Micro{}
	add := func(to AccountID, m Micro) { sums[to] = sum(sums[to], m) }
	mass := in.Event.Type == epcis.TransformationEvent && in.Event.TransformationID != "" && len(in.Event.InputEPCs)+len(in.Event.OutputEPCs) == 0
	var through []Posting
	for _, a := range in.Amounts {
		product := ProductOf(a.Class)
		ok := product != ""
		if ok {
			var err error
			if ok, err = balanced(product); err != nil {
				return nil, err
			}
		}
		kilograms, isMass := a.inMass()
		mass = mass && ok && isMass
		if mass {
			if a.Role == epcis.RoleOutput {
				kilograms = -kilograms
			}
			through = append(through, Posting{AccountID{holdsMass, CanonicalPlace(in.Event.TransformationID), massUnit}, Move{Micro: kilograms}})
		}
		if !ok || !a.Exact || !strings.Contains(a.Class, lotPart) {
			continue
		}
		own, container := in.directions(a.Role)
		if own != 0 {
			add(AccountID{mspID, a.Class, a.UOM}, a.Micro*own)
		}
		if parent := in.Container(); container != 0 && parent != "" {
			add(AccountID{parent, a.Class, a.UOM}, a.Micro*container)
		}
	}
	if mass && len(in.Event.TransformationID) <= MaxIdentifierBytes {
		for _, p := range through {
			add(p.Account, p.Move.Micro)
		}
	}
	var out []Posting
	for id, sum := range sums {
		if sum != 0 {
			// As one stated quantity, so that no account runs over by a few events.
			out = append(out, Posting{id, Move{At: in.At, Event: in.Hash, Micro: max(-maxAmount, min(maxAmount, sum))}})
		}
	}
	slices.SortFunc(out, func(a, b Posting) int { return a.Account.Compare(b.Account) })
	inUnits(out)
	return out, nil
}

// inUnits ties the moves of one holder and class, which follow each other, in a ring.
func inUnits(sorted []Posting) {
	for first := 0; first < len(sorted); {
		end := first + 1
		for end < len(sorted) && sorted[end].Account.Holder == sorted[first].Account.Holder && sorted[end].Account.Class == sorted[first].Account.Class {
			end++
		}
		for i := first; end-first > 1 && i < end; i++ {
			next := first
			if i+1 < end {
				next = i + 1
			}
			sorted[i].Move.Next = &sorted[next].Account.UOM
		}
		first = end
	}
}

// directions tells whether a quantity in a role comes to the organisation (1) or leaves it (-1), and
// likewise for the event's container.
func (in EventInput) directions(role epcis.Role) (own, container Micro) {
	e := in.Event
	switch e.Type {
	case epcis.ObjectEvent:
		switch {
		case e.Action == epcis.Add || e.BizStep == "commissioning" || e.BizStep == "creating_class_instance":
			return 1, 0
		case e.Action == epcis.Delete || e.BizStep == "decommissioning" || e.BizStep == "destroying" || e.BizStep == "shipping":
			return -1, 0
		case e.BizStep == "receiving" || e.BizStep == "void_shipping":
			return 1, 0
		}
	case epcis.TransformationEvent:
		if role == epcis.RoleInput {
			return -1, 0
		}
		return 1, 0
	case epcis.AggregationEvent:
		switch e.Action {
		case epcis.Add:
			return -1, 1
		case epcis.Delete:
			return 1, -1
		case epcis.Observe:
		}
	case epcis.TransactionEvent, epcis.AssociationEvent:
	default:
	}
	return 0, 0
}

// With gives the account after one more move.
func (a Account) With(m Move) Account {
	i, _ := slices.BinarySearchFunc(a.Moves, m, Move.compare)
	if len(a.Moves) == MaxAccountMoves && i == 0 {
		a.Base = sum(a.Base, m.Micro)
		return a
	}
	a.Moves = slices.Insert(slices.Clone(a.Moves), i, m)
	if len(a.Moves) > MaxAccountMoves {
		a.Base = sum(a.Base, a.Moves[0].Micro)
		a.Moves = a.Moves[1:]
	}
	return a
}

// Without takes the move of an event back; one that is among the base no longer can be.
func (a Account) Without(event Digest) Account {
	a.Moves = slices.DeleteFunc(slices.Clone(a.Moves), func(m Move) bool { return m.Event == event })
	return a
}

func (a Account) knows(event Digest) bool {
	return slices.ContainsFunc(a.Moves, func(m Move) bool { return m.Event == event })
}

// Next gives the next unit in which an event moves what the account holds; false if there is none.
func (a Account) Next(event Digest) (uom string, ok bool) {
	i := slices.IndexFunc(a.Moves, func(m Move) bool { return m.Event == event })
	if i < 0 || a.Moves[i].Next == nil {
		return "", false
	}
	return *a.Moves[i].Next, true
}

// sum adds up to the bound; one of the two is within maxAmount.
func sum(a, b Micro) Micro {
	return max(-maxSum, min(maxSum, a+b))
}

// Judge finds the moves that take out more than there was.
func (a Account) Judge(id AccountID) []Finding {
	var out []Finding
	held := a.Base
	for _, m := range a.Moves {
		if m.Micro < 0 && held < -m.Micro {
			had := max(held, 0)
			text := "%s gave away %s%s of %s at %s and held %s."
			if id.Holder == holdsMass {
				text = "%s gave %s%s, %s at %s, of which %s had gone in."
			}
			out = append(out, newFinding(FindingQuantityImbalance, id.Class, m.Event, Digest{}, text,
				id.Holder, -m.Micro, unitName(id.UOM), id.Class, stamp(m.At), had).measured(int64(-m.Micro), int64(had), id.unit()))
		}
		held = sum(held, m.Micro)
	}
	slices.SortFunc(out, func(f, g Finding) int { return f.Ref().compare(g.Ref()) })
	return out
}

func (id AccountID) unit() string {
	if id.UOM == "" {
		return "each"
	}
	return id.UOM
}

func unitName(uom string) string {
	if uom == "" {
		return ""
	}
	return " " + uom
}
