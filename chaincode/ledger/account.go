package ledger

import (
	"bytes"
	"cmp"
	"math/big"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/epcis"
	"github.com/waybill-dev/waybill/epcis/unit"
)

// Micro is an amount in millionths of its unit of measure.
type Micro int64

// The bounds of accounts.
const (
	MaxAccountMoves = 64
	// maxAmount bounds one stated quantity: a thousand million units.
	maxAmount Micro = 1_000_000_000 * million
	// maxConverted bounds one quantity of mass, volume or length: a thousand million tonnes, in kilograms.
	maxConverted = 1_000 * maxAmount
	// maxSum bounds what an account adds up; beyond it stays at the bound.
	maxSum Micro = 8_000_000_000_000_000_000

	massUnit   = "KGM"
	volumeUnit = "LTR"
	lengthUnit = "MTR"
	lotPart    = "/10/"
	holdsMass  = "transformation"
	// parts is a common denominator of the units of mass, volume and length: what each is in millionths
	// of a kilogram, a litre or a metre is a whole number of such parts.
	parts = 3_937 * 131_072 * 30_517_578_125
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

// Measure is an exact amount: Micro + Part/parts millionths of a unit. Part is below parts, so that Micro is
// below zero exactly if the amount is.
type Measure struct {
	Micro Micro
	Part  uint64
}

func (q Measure) negated() Measure {
	if q.Part == 0 {
		return Measure{Micro: -q.Micro}
	}
	return Measure{Micro: -q.Micro - 1, Part: parts - q.Part}
}

// plus adds up to the bound; one of the two is within maxConverted.
func (q Measure) plus(o Measure) Measure {
	part, carry := bits.Add64(q.Part, o.Part, 0)
	whole := q.Micro + o.Micro
	if carry == 1 || part >= parts {
		part, whole = part-parts, whole+1
	}
	return Measure{whole, part}.within(maxSum)
}

func (q Measure) within(bound Micro) Measure {
	switch {
	case q.Micro < -bound:
		return Measure{Micro: -bound}
	case q.Micro >= bound:
		return Measure{Micro: bound}
	}
	return q
}

// Account gives the unit in which an amount is held to account, and the amount in it: mass in kilograms,
// volume in litres, length in metres, and anything else in the unit that is stated. It is false for an
// amount that is not stated exactly or beyond the bounds.
func (a Amount) Account() (q Measure, uom string, ok bool) {
	switch a.UOM {
	case "", massUnit, volumeUnit, lengthUnit:
		return Measure{Micro: a.Micro}, a.UOM, a.Exact
	}
	u, known := unit.Of(a.UOM)
	num, numOK := new(big.Int).SetString(u.Num, 10)
	den, denOK := new(big.Int).SetString(u.Den, 10)
	base := ""
	switch u.Dimension {
	case "mass":
		base = massUnit
	case "volume":
		base = volumeUnit
		if numOK {
			num.Mul(num, big.NewInt(1_000)) // the table's base is the cubic metre
		}
	case "length":
		base = lengthUnit
	}
	if !known || base == "" || !numOK || !denOK {
		return Measure{Micro: a.Micro}, a.UOM, a.Exact
	}
	all := new(big.Int).SetUint64(parts)
	scaled := num.Mul(num, big.NewInt(int64(a.Micro)))
	scaled.Quo(scaled.Mul(scaled, all), den) // exact: den divides num times parts
	whole, part := scaled.QuoRem(scaled, all, new(big.Int))
	if !whole.IsInt64() || Micro(whole.Int64()) >= maxConverted {
		return Measure{}, base, false
	}
	return Measure{Micro(whole.Int64()), part.Uint64()}, base, a.Exact
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
	UOM    string // of Amount.Account
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
	// BasePart is the part of a millionth that Base has beside it, as in a Measure.
	BasePart uint64 `cbor:"4,keyasint,omitempty"`
}

func (a Account) base() Measure { return Measure{a.Base, a.BasePart} }

// Move is what one event puts into an account (positive) or takes out (negative).
type Move struct {
	At    Millis `cbor:"1,keyasint"`
	Event Digest `cbor:"2,keyasint"`
	Micro Micro  `cbor:"3,keyasint"`
	// Next is the next unit in which the event moves the same class for the same holder, after the last
	// one the first; nil if it states one unit only. A finding names event and class, and not the unit.
	Next *string `cbor:"4,keyasint,omitempty"`
	// Part is the part of a millionth that Micro has beside it, as in a Measure.
	Part uint64 `cbor:"5,keyasint,omitempty"`
}

func (m Move) measure() Measure { return Measure{m.Micro, m.Part} }

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
	sums := map[AccountID]Measure{}
	add := func(to AccountID, q Measure, way int) {
		if way < 0 {
			q = q.negated()
		}
		sums[to] = sums[to].plus(q)
	}
	mass := in.Event.Type == epcis.TransformationEvent && in.Event.TransformationID != "" && len(in.Event.InputEPCs)+len(in.Event.OutputEPCs) == 0
	type passed struct {
		amount Measure
		way    int
	}
	var through []passed
	for _, a := range in.Amounts {
		product := ProductOf(a.Class)
		ok := product != ""
		if ok {
			var err error
			if ok, err = balanced(product); err != nil {
				return nil, err
			}
		}
		if !ok {
			mass = false
			continue
		}
		amount, uom, exact := a.Account()
		if mass = mass && exact && uom == massUnit; mass {
			way := 1
			if a.Role == epcis.RoleOutput {
				way = -1
			}
			through = append(through, passed{amount, way})
		}
		if !exact || !strings.Contains(a.Class, lotPart) {
			continue
		}
		own, container := in.directions(a.Role)
		if own != 0 {
			add(AccountID{mspID, a.Class, uom}, amount, own)
		}
		if parent := in.Container(); container != 0 && parent != "" {
			add(AccountID{parent, a.Class, uom}, amount, container)
		}
	}
	if mass && len(in.Event.TransformationID) <= MaxIdentifierBytes {
		for _, p := range through {
			add(AccountID{holdsMass, CanonicalPlace(in.Event.TransformationID), massUnit}, p.amount, p.way)
		}
	}
	var out []Posting
	for id, sum := range sums {
		if sum != (Measure{}) {
			// As one stated quantity, so that no account runs over by a few events.
			bound := maxAmount
			if id.UOM == massUnit || id.UOM == volumeUnit || id.UOM == lengthUnit {
				bound = maxConverted
			}
			sum = sum.within(bound)
			out = append(out, Posting{id, Move{At: in.At, Event: in.Hash, Micro: sum.Micro, Part: sum.Part}})
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
func (in EventInput) directions(role epcis.Role) (own, container int) {
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
		return a.onBase(m)
	}
	a.Moves = slices.Insert(slices.Clone(a.Moves), i, m)
	if len(a.Moves) > MaxAccountMoves {
		a = a.onBase(a.Moves[0])
		a.Moves = a.Moves[1:]
	}
	return a
}

func (a Account) onBase(m Move) Account {
	base := a.base().plus(m.measure())
	a.Base, a.BasePart = base.Micro, base.Part
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

// Judge finds the moves that take out more than there was.
func (a Account) Judge(id AccountID) []Finding {
	var out []Finding
	held := a.base()
	for _, m := range a.Moves {
		after := held.plus(m.measure())
		if m.Micro < 0 && after.Micro < 0 {
			had, gave := max(held.Micro, 0), -m.Micro
			text := "%s gave away %s%s of %s at %s and held %s."
			if id.Holder == holdsMass {
				text = "%s gave %s%s, %s at %s, of which %s had gone in."
			}
			out = append(out, newFinding(FindingQuantityImbalance, id.Class, m.Event, Digest{}, text,
				id.Holder, gave, unitName(id.UOM), id.Class, stamp(m.At), had).measured(int64(gave), int64(had), id.unit()))
		}
		held = after
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
