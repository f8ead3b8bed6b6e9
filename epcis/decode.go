package epcis

import "strconv"

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
