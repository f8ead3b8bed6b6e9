package readmodel

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/waybill-dev/waybill/api/query"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/epcis"
)

// aspect is what a term or a number says of an event.
type aspect byte

const (
	aType    aspect = iota + 1
	aWord           // with the query.WordField
	aID             // with the query.IDField
	aTypedID        // with the query.IDField and the type
	aText           // with the query.TextField
	aBoolean
	aPart       // with the query.Part
	aField      // with scope, depth and name
	aFieldValue // with scope, depth, name and value
	aNumber     // with the query.NumberField and the dimension
	aAnyUnit    // with the query.NumberField
	aTime       // with the query.TimeField
	aObject     // what an object's identifier begins with, or the class of a quantity, with where it stands
	aElement    // of master data: an attribute, with a value of it
	aOverflow   // the event has more terms than are kept
)

// term is a number for an aspect of an event and its particulars.
func term(a aspect, sub uint8, particulars ...string) int64 {
	var room [256]byte
	b := append(room[:0], byte(a), sub)
	for _, p := range particulars {
		b = binary.BigEndian.AppendUint64(b, uint64(len(p)))
		b = append(b, p...)
	}
	digest := sha256.Sum256(b)
	return int64(binary.BigEndian.Uint64(digest[:])) //nolint:gosec // the bits
}

// maxTerms bounds the terms, and the numbers, kept of one event. One with more is looked at by every question.
const maxTerms = 2_000

// number is a row of event_numbers without its position.
type number struct {
	field int64
	value float64
}

// index is what an event is found by.
type index struct {
	terms   []int64
	numbers []number
	words   []word
}

// word is a row of vocabulary.
type word struct {
	resource Resource
	value    string
}

// indexOf gives what an event is found by, besides its hash; objects are the terms that objectsOf gives.
func indexOf(e *epcis.Event, objects []int64) index {
	x := index{terms: objects}
	x.add(aType, 0, string(e.Type))
	x.vocabulary(EventTypes, string(e.Type))
	x.vocabulary(BizSteps, string(e.BizStep))
	x.vocabulary(Dispositions, string(e.Disposition))
	x.word(query.Action, string(e.Action))
	x.word(query.BizStep, string(e.BizStep))
	x.word(query.Disposition, string(e.Disposition))
	if p := e.PersistentDisposition; p != nil {
		for _, d := range p.Set {
			x.word(query.PersistentDispositionSet, string(d))
		}
		for _, d := range p.Unset {
			x.word(query.PersistentDispositionUnset, string(d))
		}
	}
	if e.ReadPoint != nil {
		x.id(query.ReadPoint, e.ReadPoint.ID)
		x.vocabulary(ReadPoints, query.CanonicalID(e.ReadPoint.ID))
	}
	if e.BizLocation != nil {
		x.id(query.BizLocation, e.BizLocation.ID)
		x.vocabulary(BizLocations, query.CanonicalID(e.BizLocation.ID))
	}
	x.id(query.TransformationID, e.TransformationID)
	if e.EventID != "" {
		x.add(aID, uint8(query.EventID), e.EventID)
	}
	for _, b := range e.BizTransactions {
		x.typed(query.BizTransaction, b.Type, b.ID)
	}
	for _, s := range e.Sources {
		x.typed(query.Source, s.Type, s.ID)
	}
	for _, s := range e.Destinations {
		x.typed(query.Destination, s.Type, s.ID)
	}
	if d := e.ErrorDeclaration; d != nil {
		x.add(aPart, uint8(query.ErrorDeclaration))
		x.word(query.ErrorReason, d.Reason)
		x.time(query.DeclarationTime, d.DeclarationTime)
		for _, id := range d.CorrectiveEventIDs {
			x.add(aID, uint8(query.CorrectiveEventID), id)
		}
	}
	x.quantities(e)
	x.sensors(e)
	for scope := query.TopLevel; scope <= query.InSensorReport; scope++ {
		for _, field := range query.Fields(e, scope) {
			x.field(scope, false, field)
			x.inner(scope, field.Value)
		}
	}
	slices.Sort(x.terms)
	x.terms = slices.Compact(x.terms)
	slices.SortFunc(x.numbers, compareNumbers)
	x.numbers = slices.Compact(x.numbers)
	if len(x.terms) > maxTerms || len(x.numbers) > maxTerms {
		x.terms, x.numbers = []int64{overflow()}, nil
	}
	return x
}

func overflow() int64 { return term(aOverflow, 0) }

func compareNumbers(a, b number) int {
	switch {
	case a.field != b.field:
		if a.field < b.field {
			return -1
		}
		return 1
	case a.value < b.value:
		return -1
	case a.value > b.value:
		return 1
	}
	return 0
}

// add keeps counting beyond the bound by a little, which tells indexOf that there are too many.
func (x *index) add(a aspect, sub uint8, particulars ...string) {
	if len(x.terms) > 4*maxTerms {
		return
	}
	x.terms = append(x.terms, term(a, sub, particulars...))
}

func (x *index) number(a aspect, sub uint8, value float64, particulars ...string) {
	if len(x.numbers) > 4*maxTerms {
		return
	}
	x.numbers = append(x.numbers, number{term(a, sub, particulars...), value + 0}) // no negative zero
}

func (x *index) vocabulary(r Resource, value string) {
	if value != "" {
		x.words = append(x.words, word{r, bounded(value)})
	}
}

func (x *index) word(f query.WordField, s string) {
	if s != "" {
		x.add(aWord, uint8(f), s)
	}
}

func (x *index) id(f query.IDField, s string) {
	if s != "" {
		x.add(aID, uint8(f), query.CanonicalID(s))
	}
}

func (x *index) typed(f query.IDField, kind, s string) {
	if s != "" {
		x.add(aTypedID, uint8(f), kind, query.CanonicalID(s))
	}
}

func (x *index) time(f query.TimeField, t epcis.Time) {
	if !t.IsZero() {
		x.number(aTime, uint8(f), float64(t.Instant.UnixMilli()))
	}
}

func (x *index) quantity(f query.NumberField, n epcis.Number, uom string) {
	if n == "" {
		return
	}
	if f == query.SensorPercRank {
		uom = ""
	}
	measure := query.Measure
	if f == query.SensorSDev {
		measure = query.MeasureDifference
	}
	if dimension, v, ok := measure(n, uom); ok {
		x.number(aNumber, uint8(f), v, dimension)
	}
	if _, v, ok := measure(n, ""); ok {
		x.number(aAnyUnit, uint8(f), v)
	}
}

func (x *index) quantities(e *epcis.Event) {
	for _, list := range [][]epcis.Quantity{e.Quantities, e.ChildQuantities, e.InputQuantities, e.OutputQuantities} {
		for _, q := range list {
			x.quantity(query.QuantityValue, q.Quantity, q.UOM)
		}
	}
}

func (x *index) sensors(e *epcis.Event) {
	if len(e.SensorElements) > 0 {
		x.add(aPart, uint8(query.SensorElementList))
	}
	for i := range e.SensorElements {
		el := &e.SensorElements[i]
		if m := el.Metadata; m != nil {
			x.time(query.SensorTime, m.Time)
			x.time(query.SensorStartTime, m.StartTime)
			x.time(query.SensorEndTime, m.EndTime)
			x.id(query.DeviceID, m.DeviceID)
			x.id(query.DataProcessingMethod, m.DataProcessingMethod)
			x.id(query.BizRules, m.BizRules)
		}
		for j := range el.Reports {
			x.report(&el.Reports[j])
		}
	}
}

func (x *index) report(r *epcis.SensorReport) {
	x.word(query.SensorType, r.Type)
	x.time(query.SensorTime, r.Time)
	for f, s := range map[query.IDField]string{
		query.DeviceID: r.DeviceID, query.DataProcessingMethod: r.DataProcessingMethod, query.BizRules: r.BizRules,
		query.Microorganism: r.Microorganism, query.ChemicalSubstance: r.ChemicalSubstance, query.URIValue: r.URIValue,
	} {
		x.id(f, s)
	}
	for f, n := range map[query.NumberField]epcis.Number{
		query.SensorValue: r.Value, query.SensorMinValue: r.MinValue, query.SensorMaxValue: r.MaxValue, query.SensorMeanValue: r.MeanValue,
		query.SensorSDev: r.SDev, query.SensorPercValue: r.PercValue, query.SensorPercRank: r.PercRank,
	} {
		x.quantity(f, n, r.UOM)
	}
	if r.StringValue != nil {
		x.add(aText, uint8(query.StringValue), *r.StringValue)
	}
	if r.HexBinaryValue != "" {
		x.add(aText, uint8(query.HexBinaryValue), strings.ToUpper(r.HexBinaryValue))
	}
	if r.BooleanValue != nil {
		x.add(aBoolean, 0, strconv.FormatBool(*r.BooleanValue))
	}
}

// fieldKey are the particulars of an extension field.
func fieldKey(inner bool, name query.Name) []string {
	return []string{strconv.FormatBool(inner), name.Namespace, name.Local}
}

func (x *index) field(scope query.Scope, inner bool, f epcis.Extension) {
	key := fieldKey(inner, query.NameOf(f))
	x.add(aField, uint8(scope), key...)
	for _, leaf := range query.Leaves(f.Value) {
		o := query.NewOperand(leaf)
		x.add(aFieldValue, uint8(scope), append(key, spelling(o))...)
		if v, ok := magnitude(o); ok {
			x.number(aFieldValue, uint8(scope), v, key...)
		}
	}
}

// inner takes in the fields at any depth inside a value.
func (x *index) inner(scope query.Scope, v epcis.Value) {
	for _, item := range v.Items {
		x.inner(scope, item)
	}
	for _, m := range v.Members {
		x.field(scope, true, m)
		x.inner(scope, m.Value)
	}
}

// spelling is one text for all spellings that an operand equals.
func spelling(o query.Operand) string {
	switch {
	case o.Number != nil:
		return "number " + strconv.FormatFloat(*o.Number+0, 'g', -1, 64)
	case o.Time != nil:
		return "time " + o.Time.UTC().Format(time.RFC3339Nano)
	}
	return "text " + o.Text
}

// magnitude is the number by which an operand is larger or smaller than others; times are
// milliseconds, rounded down. Numbers and times are never compared with each other; where both stand
// in one field, what is found is looked at.
func magnitude(o query.Operand) (float64, bool) {
	switch {
	case o.Number != nil:
		return *o.Number, true
	case o.Time != nil:
		return float64(o.Time.UnixMilli()), true
	}
	return 0, false
}

// bounded shortens a text that is too long for an index: what begins alike and has the same digest
// is the same.
func bounded(s string) string {
	if len(s) <= ledger.MaxIdentifierBytes {
		return s
	}
	const kept = ledger.MaxIdentifierBytes - 2*sha256.Size - 1
	digest := sha256.Sum256([]byte(s))
	return strings.ToValidUTF8(s[:kept], "") + "#" + hex.EncodeToString(digest[:])
}

// Where an object stands in an event, as the bits of the column roles: those of the lists of objects,
// and the same shifted for the lists of quantities.
const (
	quantityShift = 8
	// declarationRole marks the rows of a declaration of error, which is no further event of an object.
	declarationRole = 1 << 14
)

// objectsOf gives the objects of an event with where they stand, and the terms by which patterns find them.
func objectsOf(e *epcis.Event) (objects []epcRoles, terms []int64) {
	seen := map[string]int{}
	known := map[objectTerm]bool{}
	learn := func(role int, begins string) {
		if t := (objectTerm{role, begins}); begins != "" && !known[t] {
			known[t] = true
			terms = append(terms, t.term())
		}
	}
	add := func(s string, role int) {
		if s == "" {
			return
		}
		canonical := query.CanonicalID(s)
		key := storable(bounded(canonical))
		at, ok := seen[key]
		if !ok {
			at = len(objects)
			seen[key] = at
			objects = append(objects, epcRoles{epc: key})
		}
		objects[at].roles |= role
		for _, begins := range beginnings(canonical) {
			learn(role, begins)
		}
		if role >= 1<<quantityShift {
			learn(role, canonical)
		}
	}
	list := func(role epcis.Role, epcs []string, quantities []epcis.Quantity) {
		for _, s := range epcs {
			add(s, 1<<role)
		}
		for _, q := range quantities {
			add(q.EPCClass, 1<<role<<quantityShift)
		}
	}
	add(e.ParentID, 1<<epcis.RoleParent)
	list(epcis.RoleEPC, e.EPCs, e.Quantities)
	list(epcis.RoleChild, e.ChildEPCs, e.ChildQuantities)
	list(epcis.RoleInput, e.InputEPCs, e.InputQuantities)
	list(epcis.RoleOutput, e.OutputEPCs, e.OutputQuantities)
	return objects, terms
}

// objectTerm is what an object's identifier begins with, or is, where it stands.
type objectTerm struct {
	role int
	text string
}

func (t objectTerm) term() int64 { return term(aObject, 0, strconv.Itoa(t.role), t.text) }

const (
	links    = "https://id.gs1.org/"
	pureURNs = "urn:epc:id:"
)

// beginnings are those of a canonical identifier, or of a prefix of some, that patterns can be found
// by, from the shortest: the kind of its key, as many digits as the shortest company prefix has, and
// the class of an instance. Those that there are not are empty.
func beginnings(canonical string) (found [3]string) {
	rest, ok := strings.CutPrefix(canonical, links)
	if !ok {
		if rest, ok = strings.CutPrefix(canonical, pureURNs); ok {
			if end := strings.IndexByte(rest, ':'); end >= 0 {
				found[0] = pureURNs + rest[:end+1]
			}
		}
		return found
	}
	ai, key, ok := strings.Cut(rest, "/")
	if !ok {
		return found
	}
	found[0] = links + ai + "/"
	company, class := 6, 0
	switch ai {
	case "00", "01", "8006": // a digit stands before the company prefix
		company = 7
	case "8003":
		company, class = 7, 14
	case "253", "255":
		class = 13
	}
	if len(key) >= company {
		found[1] = found[0] + key[:company]
	}
	if class > 0 {
		if len(key) >= class {
			found[2] = found[0] + key[:class]
		}
		return found
	}
	if end := strings.IndexByte(key, '/'); end >= 0 {
		if qualifier := strings.IndexByte(key[end+1:], '/'); qualifier >= 0 {
			found[2] = found[0] + key[:end+1+qualifier+1]
		}
	}
	return found
}
