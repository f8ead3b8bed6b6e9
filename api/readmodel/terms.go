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
	aClass      // the class of an object, with where it stands
	aOverflow   // the event has more terms than are kept
)

// term is a number for an aspect of an event and its particulars.
func term(a aspect, sub uint8, particulars ...string) int64 {
	h := sha256.New()
	h.Write([]byte{byte(a), sub})
	var n [8]byte
	for _, p := range particulars {
		binary.BigEndian.PutUint64(n[:], uint64(len(p)))
		h.Write(n[:])
		h.Write([]byte(p))
	}
	return int64(binary.BigEndian.Uint64(h.Sum(nil))) //nolint:gosec // the bits
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

// indexOf gives what an event is found by. id is the event's identifier, filled in; classes are the
// terms that objectsOf gives.
func indexOf(e *epcis.Event, id string, classes []int64) index {
	x := index{terms: classes}
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
	x.add(aID, uint8(query.EventID), id)
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

// objectsOf gives the objects of an event with where they stand, and the terms of their classes.
func objectsOf(e *epcis.Event) (objects []epcRoles, classes []int64) {
	seen, known := map[string]int{}, map[int64]bool{}
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
		if class, ok := classOf(canonical); ok {
			if t := classTerm(role, class); !known[t] {
				known[t] = true
				classes = append(classes, t)
			}
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
	return objects, classes
}

func classTerm(role int, class string) int64 { return term(aClass, 0, strconv.Itoa(role), class) }

// classOf is the class of a canonical identifier: its path up to the primary key, with the slash. Only
// identifiers with a qualifier after the key have one.
func classOf(canonical string) (string, bool) {
	rest, ok := strings.CutPrefix(canonical, "https://id.gs1.org/")
	if !ok {
		return "", false
	}
	parts := strings.SplitN(rest, "/", 4)
	if len(parts) < 4 {
		return "", false
	}
	return "https://id.gs1.org/" + parts[0] + "/" + parts[1] + "/" + parts[2] + "/", true
}
