package epcis

import (
	"slices"
	"strconv"
	"strings"
)

// ParseEvent reads and validates one event. context is the JSON-LD @context in
// force (a URI, an object or an array); nil means GS1's own. An @context inside
// the event adds to it. The error is Faults.
//
// When the only faults are against the standard, not against JSON, the event is
// returned along with them as far as it could be read.
func ParseEvent(context, event []byte) (*Event, error) {
	c, err := ParseContext(context)
	if err != nil {
		return nil, err
	}
	return c.ParseEvent(event)
}

// ParseEvent reads and validates one event in this context, as the function
// ParseEvent does.
func (c *Context) ParseEvent(event []byte) (*Event, error) {
	lim := DefaultLimits()
	if len(event) > lim.MaxEventBytes {
		return nil, Faults{tooLargeEvent("$", lim)}
	}
	var t tree
	return c.parse(string(event), "$", lim, &t, false)
}

func tooLargeEvent(path string, lim Limits) Fault {
	return Fault{Path: path, Code: CodeTooLarge, Message: "event of more than " + strconv.Itoa(lim.MaxEventBytes) + " bytes"}
}

// parse reads one event whose path is base. t is reused between calls.
func (c *Context) parse(s, base string, lim Limits, t *tree, needContext bool) (*Event, error) {
	t.nodes = t.nodes[:0]
	root, fault, _ := parseJSON(s, lim, t)
	if fault != nil {
		if fault.Path == "" {
			fault.Path = base
		}
		return nil, Faults{*fault}
	}
	d := decoder{t: t, ctx: c, lim: lim, base: base}
	e := d.event(root, needContext)
	return e, d.err()
}

// decoder turns the values of a tree into an event and collects faults.
type decoder struct {
	t       *tree
	ctx     *Context
	lim     Limits
	base    string
	faults  Faults
	dropped int
}

func (d *decoder) err() error {
	if len(d.faults) == 0 {
		return nil
	}
	if d.dropped > 0 {
		d.faults = append(d.faults, Fault{
			Path: d.base, Code: CodeSchema,
			Message: strconv.Itoa(d.dropped) + " more faults are not listed",
		})
	}
	return d.faults
}

func (d *decoder) fault(n int32, code, message string) {
	if len(d.faults) >= d.lim.MaxFaults {
		d.dropped++
		return
	}
	d.faults = append(d.faults, Fault{Path: d.t.path(d.base, n), Code: code, Message: message})
}

// lacks is the fault of a member that object n needs.
func (d *decoder) lacks(n int32, member, message string) {
	if len(d.faults) >= d.lim.MaxFaults {
		d.dropped++
		return
	}
	path := d.t.path(d.base, n)
	if d.t.origin != nil {
		path += "/"
		if attributeOf(d.t.origin[n].el, member) {
			path += "@"
		}
		path += member
	} else {
		path = string(appendPathMember([]byte(path), member))
	}
	d.faults = append(d.faults, Fault{Path: path, Code: CodeRequired, Message: message})
}

// attributeOf tells the members that are attributes in XML.
func attributeOf(el *xmlElement, member string) bool {
	if el == nil {
		return false
	}
	switch el.local {
	case "source", "destination", "bizTransaction", "sensorReport", "Vocabulary":
		return member == "type"
	case "VocabularyElement", "attribute":
		return member == "id"
	}
	return false
}

func (d *decoder) missing(n int32, member string) {
	d.lacks(n, member, member+" is required")
}

func (k Kind) article() string {
	switch k {
	case KindNull:
		return "null"
	case KindBool:
		return "a boolean"
	case KindNumber:
		return "a number"
	case KindString:
		return "a string"
	case KindArray:
		return "an array"
	case KindObject:
		return "an object"
	}
	return "nothing"
}

func (d *decoder) is(n int32, k Kind) bool {
	if d.t.nodes[n].kind == k {
		return true
	}
	d.fault(n, CodeType, "want "+k.article()+", have "+d.t.nodes[n].kind.article())
	return false
}

func (d *decoder) str(n int32) string {
	if !d.is(n, KindString) {
		return ""
	}
	return d.t.nodes[n].text
}

func (d *decoder) uri(n int32) string {
	if !d.is(n, KindString) {
		return ""
	}
	s := d.t.nodes[n].text
	if !isURI(s) {
		d.fault(n, CodeFormat, quote(s)+" is not an absolute URI")
	}
	return s
}

func (d *decoder) time(n int32) Time {
	if !d.is(n, KindString) {
		return Time{}
	}
	s := d.t.nodes[n].text
	at, ok := parseTime(s)
	if !ok {
		d.fault(n, CodeFormat, quote(s)+" is not a date and time with an offset (RFC 3339)")
	}
	return Time{Instant: at, Text: s}
}

func (d *decoder) number(n int32) Number {
	if !d.is(n, KindNumber) {
		return ""
	}
	return Number(d.t.nodes[n].text)
}

func (d *decoder) vocab(n int32, v vocabulary) string {
	if !d.is(n, KindString) {
		return ""
	}
	s := d.t.nodes[n].text
	if v.words(s) {
		return s
	}
	if !isURI(s) || v.refuse(s) {
		d.fault(n, CodeVocabulary, quote(s)+" is neither the bare word of "+v.what+" nor another URI")
		return s
	}
	return v.bare(s)
}

func (d *decoder) uris(n int32) []string {
	if !d.is(n, KindArray) {
		return nil
	}
	list := make([]string, 0, d.t.nodes[n].count)
	for c := d.t.nodes[n].first; c != none; c = d.t.nodes[c].next {
		list = append(list, d.uri(c))
	}
	return list
}

// distinctURIs is uris for a list whose members must differ.
func (d *decoder) distinctURIs(n int32) []string {
	list := d.uris(n)
	d.distinct(n)
	return list
}

// distinct reports members of an array that stand twice.
func (d *decoder) distinct(n int32) {
	nd := &d.t.nodes[n]
	if nd.kind != KindArray || nd.count < 2 {
		return
	}
	allStrings := true
	for c := nd.first; c != none; c = d.t.nodes[c].next {
		allStrings = allStrings && d.t.nodes[c].kind == KindString
	}
	if allStrings && nd.count <= linearMembers {
		for c := nd.first; c != none; c = d.t.nodes[c].next {
			for o := nd.first; o != c; o = d.t.nodes[o].next {
				if d.t.nodes[o].text == d.t.nodes[c].text {
					d.fault(c, CodeRepeated, "this member stands twice in the list")
					break
				}
			}
		}
		return
	}
	seen := make(map[string]struct{}, nd.count)
	var b []byte
	for c := nd.first; c != none; c = d.t.nodes[c].next {
		b = d.t.appendSorted(b[:0], c)
		if _, twice := seen[string(b)]; twice {
			d.fault(c, CodeRepeated, "this member stands twice in the list")
			continue
		}
		seen[string(b)] = struct{}{}
	}
}

func (d *decoder) filled(n int32, what string) {
	if d.t.nodes[n].kind == KindArray && d.t.nodes[n].count == 0 {
		d.fault(n, CodeEmpty, what+" needs at least one member")
	}
}

// fieldSet tells the fields of each event type apart; see fields.
type fieldSet uint32

const (
	fieldEPCs fieldSet = 1 << iota
	fieldQuantities
	fieldParent
	fieldChildren
	fieldChildQuantities
	fieldInputs
	fieldOutputs
	fieldTransformation
	fieldAction
	fieldILMD
	fieldAny
)

func fields(t EventType) fieldSet {
	switch t {
	case ObjectEvent:
		return fieldEPCs | fieldQuantities | fieldAction | fieldILMD
	case AggregationEvent, AssociationEvent:
		return fieldParent | fieldChildren | fieldChildQuantities | fieldAction
	case TransactionEvent:
		return fieldEPCs | fieldQuantities | fieldParent | fieldAction
	case TransformationEvent:
		return fieldInputs | fieldOutputs | fieldTransformation | fieldILMD
	}
	return fieldAny
}

// event reads the object at n. needContext asks for an @context inside it.
func (d *decoder) event(n int32, needContext bool) *Event {
	if !d.is(n, KindObject) {
		return nil
	}
	e := &Event{}
	typ := d.t.child(n, "type")
	if typ == none {
		d.missing(n, "type")
	} else if e.Type = EventType(d.str(typ)); !e.Type.Standard() && !isURI(string(e.Type)) && d.t.nodes[typ].kind == KindString {
		d.fault(typ, CodeVocabulary, quote(string(e.Type))+" is neither an event type of EPCIS nor the URI of another")
	}
	if own := d.t.child(n, "@context"); own != none {
		d.ctx = d.ctx.with(d, own)
		if d.t.origin == nil {
			e.Context = d.t.appendJSON(nil, own)
		}
	} else if needContext {
		d.missing(n, "@context")
	}
	e.ignored, e.ctx = d.ctx.ignored, d.ctx
	allowed := fields(e.Type)
	for c := d.t.nodes[n].first; c != none; c = d.t.nodes[c].next {
		mark, dropped := len(d.faults), d.dropped
		var before Event
		if allowed == fieldAny {
			before = *e
		}
		if d.field(e, c, allowed) {
			if allowed != fieldAny || len(d.faults) == mark || everyEvent(d.t.nodes[c].key) {
				continue
			}
			// A type of somebody else's may give a name of ours another meaning.
			d.faults, d.dropped = d.faults[:mark], dropped
			*e = before
		}
		key := d.t.nodes[c].key
		if allowed != fieldAny && !isURI(key) {
			d.fault(c, CodeUnknownField, quote(key)+" is not a field of "+string(e.Type)+" and not an extension")
			continue
		}
		e.Extensions = append(e.Extensions, d.extension(c))
	}
	if e.EventTime.IsZero() && d.t.child(n, "eventTime") == none {
		d.missing(n, "eventTime")
	}
	if e.EventTimeZoneOffset == "" && d.t.child(n, "eventTimeZoneOffset") == none {
		d.missing(n, "eventTimeZoneOffset")
	}
	d.whole(e, n)
	return e
}

// everyEvent tells the fields that mean the same in every type of event.
func everyEvent(key string) bool {
	switch key {
	case "type", "@context", "eventTime", "recordTime", "eventTimeZoneOffset", "eventID", "certificationInfo", "errorDeclaration":
		return true
	}
	return false
}

// field reads one member of an event and reports whether the standard knows it.
func (d *decoder) field(e *Event, c int32, allowed fieldSet) bool { //nolint:gocyclo,cyclop // one case a field of the standard
	switch d.t.nodes[c].key {
	case "type", "@context":
	case "eventTime":
		e.EventTime = d.time(c)
	case "recordTime":
		e.RecordTime = d.time(c)
	case "eventTimeZoneOffset":
		if e.EventTimeZoneOffset = d.str(c); d.t.nodes[c].kind == KindString && !isOffset(e.EventTimeZoneOffset) {
			d.fault(c, CodeFormat, quote(e.EventTimeZoneOffset)+" is not an offset from -14:00 to +14:00")
		}
	case "eventID":
		e.repeatedID = e.EventID != ""
		e.EventID = d.uri(c)
	case "certificationInfo":
		if d.t.nodes[c].kind == KindArray {
			e.CertificationInfo = d.uris(c)
		} else {
			e.CertificationInfo = []string{d.uri(c)}
		}
	case "errorDeclaration":
		e.ErrorDeclaration = d.errorDeclaration(c)
	case "bizStep":
		e.BizStep = BizStep(d.vocab(c, vocBizStep()))
	case "disposition":
		e.Disposition = Disposition(d.vocab(c, vocDisposition()))
	case "persistentDisposition":
		e.PersistentDisposition = d.persistentDisposition(c)
	case "readPoint":
		e.ReadPoint = d.location(c)
	case "bizLocation":
		e.BizLocation = d.location(c)
	case "bizTransactionList":
		e.BizTransactions = d.bizTransactions(c)
		if e.Type == TransactionEvent {
			d.filled(c, "bizTransactionList of a TransactionEvent")
		}
	case "sourceList":
		e.Sources = d.parties(c, "source")
	case "destinationList":
		e.Destinations = d.parties(c, "destination")
	case "sensorElementList":
		e.SensorElements = d.sensorElements(c)
	default:
		return d.ownField(e, c, allowed)
	}
	return true
}

// ownField reads a member that only some types have.
func (d *decoder) ownField(e *Event, c int32, allowed fieldSet) bool {
	var need fieldSet
	key := d.t.nodes[c].key
	switch key {
	case "action":
		need = fieldAction
	case "epcList":
		need = fieldEPCs
	case "quantityList":
		need = fieldQuantities
	case "parentID":
		need = fieldParent
	case "childEPCs":
		need = fieldChildren
	case "childQuantityList":
		need = fieldChildQuantities
	case "inputEPCList", "inputQuantityList":
		need = fieldInputs
	case "outputEPCList", "outputQuantityList":
		need = fieldOutputs
	case "transformationID":
		need = fieldTransformation
	case "ilmd":
		need = fieldILMD
	default:
		return false
	}
	if allowed&(need|fieldAny) == 0 {
		d.fault(c, CodeNotAllowed, key+" may not stand in "+string(e.Type))
		return true
	}
	switch key {
	case "action":
		switch e.Action = Action(d.str(c)); e.Action {
		case Add, Observe, Delete:
		default:
			if d.t.nodes[c].kind == KindString {
				d.fault(c, CodeVocabulary, quote(string(e.Action))+" is not ADD, OBSERVE or DELETE")
			}
		}
	case "epcList":
		if e.Type == ObjectEvent {
			e.EPCs = d.distinctURIs(c)
		} else {
			e.EPCs = d.uris(c)
		}
	case "quantityList":
		e.Quantities = d.quantities(c)
	case "parentID":
		e.ParentID = d.uri(c)
	case "childEPCs":
		e.ChildEPCs = d.uris(c)
	case "childQuantityList":
		e.ChildQuantities = d.quantities(c)
	case "inputEPCList":
		e.InputEPCs = d.distinctURIs(c)
	case "inputQuantityList":
		e.InputQuantities = d.quantities(c)
	case "outputEPCList":
		e.OutputEPCs = d.distinctURIs(c)
	case "outputQuantityList":
		e.OutputQuantities = d.quantities(c)
	case "transformationID":
		e.TransformationID = d.uri(c)
	case "ilmd":
		if d.is(c, KindObject) {
			e.HasILMD = true
			e.ILMD = d.extensions(c, nil)
		}
	}
	return true
}

// whole checks what only shows in the event as a whole.
func (d *decoder) whole(e *Event, n int32) {
	if e.Type.Standard() && e.Type != TransformationEvent && e.Action == "" && d.t.child(n, "action") == none {
		d.missing(n, "action")
	}
	has := func(name string) bool {
		c := d.t.child(n, name)
		return c != none && d.t.nodes[c].count > 0
	}
	present := func(name string) bool { return d.t.child(n, name) != none }
	switch e.Type {
	case ObjectEvent:
		if !present("epcList") && !has("quantityList") && (!has("sensorElementList") || !present("readPoint")) {
			d.lacks(n, "epcList", "an ObjectEvent needs an epcList, a filled quantityList, or sensorElementList with readPoint")
		}
		if ilmd := d.t.child(n, "ilmd"); ilmd != none && (e.Action == Observe || e.Action == Delete) {
			d.fault(ilmd, CodeNotAllowed, "ilmd may stand in an ObjectEvent only when its action is ADD")
		}
	case AggregationEvent, AssociationEvent:
		if e.Action != Delete && !has("childEPCs") && !has("childQuantityList") {
			d.lacks(n, "childEPCs", "an "+string(e.Type)+" needs childEPCs or childQuantityList unless its action is DELETE")
		}
		if e.Type == AssociationEvent && !present("parentID") {
			d.missing(n, "parentID")
		}
	case TransactionEvent:
		if !present("bizTransactionList") {
			d.missing(n, "bizTransactionList")
		}
		if e.Action != Delete && !present("epcList") && !has("quantityList") {
			d.lacks(n, "epcList", "a TransactionEvent needs an epcList or a filled quantityList unless its action is DELETE")
		}
	case TransformationEvent:
		in := has("inputEPCList") || has("inputQuantityList")
		out := has("outputEPCList") || has("outputQuantityList")
		if in && out || (in || out) && present("transformationID") {
			break
		}
		if !in {
			d.lacks(n, "inputEPCList", "a TransformationEvent needs inputs and outputs, or one of them with a transformationID")
		} else {
			d.lacks(n, "outputEPCList", "a TransformationEvent needs inputs and outputs, or one of them with a transformationID")
		}
	}
}

func (d *decoder) errorDeclaration(n int32) *ErrorDeclaration {
	if !d.is(n, KindObject) {
		return nil
	}
	e := &ErrorDeclaration{}
	e.Extensions = d.extensions(n, func(c int32) bool {
		switch d.t.nodes[c].key {
		case "declarationTime":
			e.DeclarationTime = d.time(c)
		case "reason":
			e.Reason = d.vocab(c, vocReason())
		case "correctiveEventIDs":
			e.CorrectiveEventIDs = d.uris(c)
		default:
			return false
		}
		return true
	})
	if d.t.child(n, "declarationTime") == none {
		d.missing(n, "declarationTime")
	}
	return e
}

func (d *decoder) persistentDisposition(n int32) *PersistentDisposition {
	if !d.is(n, KindObject) {
		return nil
	}
	p := &PersistentDisposition{}
	words := func(c int32) []Disposition {
		if !d.is(c, KindArray) {
			return nil
		}
		d.filled(c, d.t.nodes[c].key)
		list := make([]Disposition, 0, d.t.nodes[c].count)
		for w := d.t.nodes[c].first; w != none; w = d.t.nodes[w].next {
			list = append(list, Disposition(d.vocab(w, vocDisposition())))
		}
		d.distinct(c)
		return list
	}
	for c := d.t.nodes[n].first; c != none; c = d.t.nodes[c].next {
		switch d.t.nodes[c].key {
		case "set":
			p.Set = words(c)
		case "unset":
			p.Unset = words(c)
		default:
			d.fault(c, CodeUnknownField, quote(d.t.nodes[c].key)+" is not a field of persistentDisposition")
		}
	}
	if d.t.child(n, "set") == none && d.t.child(n, "unset") == none {
		d.missing(n, "set")
	}
	return p
}

func (d *decoder) location(n int32) *Location {
	if !d.is(n, KindObject) {
		return nil
	}
	l := &Location{}
	for c := d.t.nodes[n].first; c != none; c = d.t.nodes[c].next {
		if d.t.nodes[c].key == "id" {
			l.ID = d.uri(c)
		} else {
			l.Extensions = append(l.Extensions, d.extension(c))
		}
	}
	if d.t.child(n, "id") == none {
		d.missing(n, "id")
	}
	return l
}

// objects calls f for each member of an array of objects and gives their number.
func (d *decoder) objects(n int32, f func(c int32)) {
	if !d.is(n, KindArray) {
		return
	}
	for c := d.t.nodes[n].first; c != none; c = d.t.nodes[c].next {
		if d.is(c, KindObject) {
			f(c)
		}
	}
}

func (d *decoder) bizTransactions(n int32) []BizTransaction {
	list := make([]BizTransaction, 0, d.t.nodes[n].count)
	d.objects(n, func(o int32) {
		var b BizTransaction
		for c := d.t.nodes[o].first; c != none; c = d.t.nodes[c].next {
			switch d.t.nodes[c].key {
			case "type":
				b.Type = d.vocab(c, vocTransaction())
			case "bizTransaction":
				b.ID = d.uri(c)
			default:
				d.fault(c, CodeUnknownField, quote(d.t.nodes[c].key)+" is not a field of a business transaction")
			}
		}
		if d.t.child(o, "bizTransaction") == none {
			d.missing(o, "bizTransaction")
		}
		list = append(list, b)
	})
	return list
}

func (d *decoder) parties(n int32, member string) []Party {
	list := make([]Party, 0, d.t.nodes[n].count)
	d.objects(n, func(o int32) {
		var p Party
		for c := d.t.nodes[o].first; c != none; c = d.t.nodes[c].next {
			switch d.t.nodes[c].key {
			case "type":
				p.Type = d.vocab(c, vocParty())
			case member:
				p.ID = d.uri(c)
			default:
				d.fault(c, CodeUnknownField, quote(d.t.nodes[c].key)+" is not a field of a "+member)
			}
		}
		if d.t.child(o, "type") == none {
			d.missing(o, "type")
		}
		if d.t.child(o, member) == none {
			d.missing(o, member)
		}
		list = append(list, p)
	})
	return list
}

func (d *decoder) quantities(n int32) []Quantity {
	list := make([]Quantity, 0, d.t.nodes[n].count)
	d.objects(n, func(o int32) {
		var q Quantity
		for c := d.t.nodes[o].first; c != none; c = d.t.nodes[c].next {
			switch d.t.nodes[c].key {
			case "epcClass":
				q.EPCClass = d.uri(c)
			case "quantity":
				q.Quantity = d.number(c)
			case "uom":
				if q.UOM = d.str(c); d.t.nodes[c].kind == KindString && !isUOM(q.UOM) {
					d.fault(c, CodeFormat, quote(q.UOM)+" is not a unit code of two or three capitals and digits")
				}
			default:
				d.fault(c, CodeUnknownField, quote(d.t.nodes[c].key)+" is not a field of a quantity")
			}
		}
		if d.t.child(o, "epcClass") == none {
			d.missing(o, "epcClass")
		}
		list = append(list, q)
	})
	return list
}

func (d *decoder) sensorElements(n int32) []SensorElement {
	list := make([]SensorElement, 0, d.t.nodes[n].count)
	d.objects(n, func(o int32) {
		var s SensorElement
		s.Extensions = d.extensions(o, func(c int32) bool {
			switch d.t.nodes[c].key {
			case "sensorMetadata":
				s.Metadata = d.sensorMetadata(c)
			case "sensorReport":
				d.filled(c, "sensorReport")
				s.Reports = make([]SensorReport, 0, d.t.nodes[c].count)
				d.objects(c, func(r int32) { s.Reports = append(s.Reports, d.sensorReport(r)) })
			default:
				return false
			}
			return true
		})
		if d.t.child(o, "sensorReport") == none {
			d.missing(o, "sensorReport")
		}
		list = append(list, s)
	})
	return list
}

func (d *decoder) sensorMetadata(n int32) *SensorMetadata {
	if !d.is(n, KindObject) {
		return nil
	}
	m := &SensorMetadata{}
	m.Extensions = d.extensions(n, func(c int32) bool {
		switch d.t.nodes[c].key {
		case "time":
			m.Time = d.time(c)
		case "startTime":
			m.StartTime = d.time(c)
		case "endTime":
			m.EndTime = d.time(c)
		case "deviceID":
			m.DeviceID = d.uri(c)
		case "deviceMetadata":
			m.DeviceMetadata = d.uri(c)
		case "rawData":
			m.RawData = d.uri(c)
		case "dataProcessingMethod":
			m.DataProcessingMethod = d.uri(c)
		case "bizRules":
			m.BizRules = d.uri(c)
		default:
			return false
		}
		return true
	})
	return m
}

func (d *decoder) sensorReport(n int32) SensorReport { //nolint:gocyclo,cyclop // one case a field of the standard
	var r SensorReport
	r.Extensions = d.extensions(n, func(c int32) bool {
		switch d.t.nodes[c].key {
		case "type":
			r.Type = d.vocab(c, vocMeasurement())
		case "exception":
			r.Exception = d.vocab(c, vocAlert())
		case "deviceID":
			r.DeviceID = d.uri(c)
		case "deviceMetadata":
			r.DeviceMetadata = d.uri(c)
		case "rawData":
			r.RawData = d.uri(c)
		case "dataProcessingMethod":
			r.DataProcessingMethod = d.uri(c)
		case "bizRules":
			r.BizRules = d.uri(c)
		case "time":
			r.Time = d.time(c)
		case "microorganism":
			r.Microorganism = d.uri(c)
		case "chemicalSubstance":
			r.ChemicalSubstance = d.uri(c)
		case "coordinateReferenceSystem":
			r.CoordinateReferenceSystem = d.uri(c)
		case "value":
			r.Value = d.number(c)
		case "component":
			r.Component = d.vocab(c, vocComponent())
		case "stringValue":
			if d.is(c, KindString) {
				s := d.t.nodes[c].text
				r.StringValue = &s
			}
		case "booleanValue":
			if d.is(c, KindBool) {
				b := d.t.nodes[c].text == "true"
				r.BooleanValue = &b
			}
		case "hexBinaryValue":
			if r.HexBinaryValue = d.str(c); d.t.nodes[c].kind == KindString && !isHex(r.HexBinaryValue) {
				d.fault(c, CodeFormat, quote(r.HexBinaryValue)+" is not hexadecimal")
			}
		case "uriValue":
			r.URIValue = d.uri(c)
		case "minValue":
			r.MinValue = d.number(c)
		case "maxValue":
			r.MaxValue = d.number(c)
		case "meanValue":
			r.MeanValue = d.number(c)
		case "sDev":
			r.SDev = d.number(c)
		case "percRank":
			r.PercRank = d.number(c)
		case "percValue":
			r.PercValue = d.number(c)
		case "uom":
			r.UOM = d.str(c)
		default:
			return false
		}
		return true
	})
	if d.t.child(n, "type") == none {
		d.missing(n, "type")
	}
	return r
}

// extensions reads an object whose known members known takes; the others are
// extensions and must have URIs for names.
func (d *decoder) extensions(n int32, known func(c int32) bool) []Extension {
	if !d.is(n, KindObject) {
		return nil
	}
	var list []Extension
	for c := d.t.nodes[n].first; c != none; c = d.t.nodes[c].next {
		if known != nil && known(c) {
			continue
		}
		if key := d.t.nodes[c].key; !isURI(key) {
			d.fault(c, CodeUnknownField, quote(key)+" is not a field of the standard here and not an extension")
			continue
		}
		list = append(list, d.extension(c))
	}
	return list
}

func (d *decoder) extension(c int32) Extension {
	name := d.t.nodes[c].key
	ns, local := d.ctx.name(name)
	return Extension{Namespace: ns, Local: local, Name: name, Value: d.value(c)}
}

func (d *decoder) value(n int32) Value {
	nd := &d.t.nodes[n]
	v := Value{Kind: nd.kind, Text: nd.text}
	switch nd.kind {
	case KindArray:
		v.Text = "" // a tree from XML marks its arrays there
		v.Items = make([]Value, 0, nd.count)
		for c := nd.first; c != none; c = d.t.nodes[c].next {
			v.Items = append(v.Items, d.value(c))
		}
	case KindObject:
		outer := d.ctx
		if own := d.t.child(n, "@context"); own != none {
			// The standard asks nothing of what is inside an extension, so neither does this.
			free := decoder{t: d.t, lim: d.lim}
			if inner := outer.with(&free, own); free.err() == nil {
				d.ctx = inner
			}
		}
		v.Members = make([]Extension, 0, nd.count)
		for c := nd.first; c != none; c = d.t.nodes[c].next {
			v.Members = append(v.Members, d.extension(c))
		}
		d.ctx = outer
	case KindNull, KindBool, KindNumber, KindString:
	}
	return v
}

// appendSorted writes a value with its members sorted and its numbers canonical,
// so that equal values have equal text.
func (t *tree) appendSorted(b []byte, n int32) []byte {
	switch nd := &t.nodes[n]; nd.kind {
	case KindObject:
		members := make([]int32, 0, nd.count)
		for c := nd.first; c != none; c = t.nodes[c].next {
			members = append(members, c)
		}
		slices.SortFunc(members, func(a, b int32) int { return strings.Compare(t.nodes[a].key, t.nodes[b].key) })
		b = append(b, '{')
		for _, c := range members {
			b = appendString(b, t.nodes[c].key)
			b = append(b, ':')
			b = t.appendSorted(b, c)
			b = append(b, ',')
		}
		return append(b, '}')
	case KindArray:
		b = append(b, '[')
		for c := nd.first; c != none; c = t.nodes[c].next {
			b = t.appendSorted(b, c)
			b = append(b, ',')
		}
		return append(b, ']')
	case KindNumber:
		if out, ok := appendDecimal(b, nd.text); ok {
			return out
		}
		return append(b, nd.text...)
	case KindNull, KindBool, KindString:
	}
	return t.appendJSON(b, n)
}
