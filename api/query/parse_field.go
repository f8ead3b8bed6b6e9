package query

import (
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/epcis"
)

// compare reads the parameters of the form operator_field.
func (p *parser) compare(q parameter, op Op, field string) {
	switch field {
	case "eventTime":
		p.time(q, op, EventTime)
		return
	case "recordTime":
		p.time(q, op, RecordTime)
		return
	case "errorDeclarationTime", "errorDeclaration_Time": // the OpenAPI document and the JSON Schema
		p.time(q, op, DeclarationTime)
		return
	case "time":
		p.time(q, op, SensorTime)
		return
	case "startTime":
		p.time(q, op, SensorStartTime)
		return
	case "endTime":
		p.time(q, op, SensorEndTime)
		return
	case "quantity":
		p.number(q, op, NumberIs{Field: QuantityValue, AnyUnit: true}, "")
		return
	case "percRank":
		if op == EQ {
			break
		}
		p.number(q, op, NumberIs{Field: SensorPercRank}, "")
		return
	}
	if f, uom, ok := measured(field); ok {
		p.number(q, op, NumberIs{Field: f}, uom)
		return
	}
	if op == EQ && p.equal(q, field) {
		return
	}
	if rest, ok := strings.CutPrefix(field, "ATTR_"); ok && op == EQ {
		p.equalAttribute(q, rest)
		return
	}
	scope, inner, rest := scopeOf(field)
	name, ok := p.fieldName(rest)
	if !ok {
		p.unknown()
		return
	}
	p.fieldIs(q, FieldIs{Scope: scope, Inner: inner, Name: name, Op: op})
}

// equal reads the EQ parameters of the fields of the standard.
func (p *parser) equal(q parameter, field string) bool {
	switch field {
	case "action":
		var words []string
		for _, s := range p.strings(q) {
			if !isAction(s) {
				p.fault(CodeValue, shown(s)+" is none of ADD, OBSERVE and DELETE")
			}
			words = append(words, s)
		}
		p.add(WordIn{Field: Action, Words: words})
	case "bizStep":
		p.words(q, BizStep, isStep, "urn:epcglobal:cbv:bizstep:", cbv+"BizStep-", "cbv:BizStep-")
	case "disposition":
		p.dispositions(q, Disposition)
	case "persistentDisposition_set":
		p.dispositions(q, PersistentDispositionSet)
	case "persistentDisposition_unset":
		p.dispositions(q, PersistentDispositionUnset)
	case "errorReason":
		p.words(q, ErrorReason, isReason, "urn:epcglobal:cbv:er:", cbv+"ER-", "cbv:ER-")
	case "type":
		p.words(q, SensorType, epcis.StandardMeasurementType, "https://gs1.org/voc/", "gs1:")
	case "readPoint":
		p.ids(q, IDIn{Field: ReadPoint})
	case "bizLocation":
		p.ids(q, IDIn{Field: BizLocation})
	case "transformationID":
		p.ids(q, IDIn{Field: TransformationID})
	case "eventID":
		p.ids(q, IDIn{Field: EventID})
	case "correctiveEventID":
		p.ids(q, IDIn{Field: CorrectiveEventID})
	case "deviceID":
		p.ids(q, IDIn{Field: DeviceID})
	case "dataProcessingMethod":
		p.ids(q, IDIn{Field: DataProcessingMethod})
	case "bizRules":
		p.ids(q, IDIn{Field: BizRules})
	case "microorganism":
		p.ids(q, IDIn{Field: Microorganism})
	case "chemicalSubstance":
		p.ids(q, IDIn{Field: ChemicalSubstance})
	case "uriValue":
		p.ids(q, IDIn{Field: URIValue})
	case "stringValue":
		p.add(TextIn{Field: StringValue, Texts: p.strings(q)})
	case "hexBinaryValue":
		texts := p.strings(q)
		for i, s := range texts {
			texts[i] = strings.ToUpper(s)
		}
		p.add(TextIn{Field: HexBinaryValue, Texts: texts})
	case "booleanValue":
		switch p.one(q, epcis.KindBool) {
		case "true":
			p.add(BooleanIs{true})
		case "false":
			p.add(BooleanIs{false})
		default:
			p.fault(CodeValue, "true or false is wanted")
		}
	default:
		return p.typed(q, field)
	}
	return true
}

func (p *parser) dispositions(q parameter, f WordField) {
	p.words(q, f, isDisposition, "urn:epcglobal:cbv:disp:", cbv+"Disp-", "cbv:Disp-")
}

// typed reads EQ_bizTransaction_type, EQ_source_type and EQ_destination_type.
func (p *parser) typed(q parameter, field string) bool {
	name, kind, _ := strings.Cut(field, "_")
	in := IDIn{}
	standard, prefixes := isParty, []string{"urn:epcglobal:cbv:sdt:", cbv + "SDT-", "cbv:SDT-"}
	switch name {
	case "bizTransaction":
		in.Field = BizTransaction
		standard, prefixes = epcis.StandardTransactionType, []string{"urn:epcglobal:cbv:btt:", cbv + "BTT-", "cbv:BTT-"}
	case "source":
		in.Field = Source
	case "destination":
		in.Field = Destination
	default:
		return false
	}
	if kind = bare(kind, standard, prefixes); isURI(kind) {
		in.Types = p.spellings(kind)
	} else {
		// The schema lets any bare word through; one that is not of the standard has
		// no events.
		if !isPlainWord(kind) {
			p.unknown()
			return true
		}
		in.Types = []string{kind}
	}
	p.ids(q, in)
	return true
}

// measured splits the name of a numeric field from its unit.
func measured(field string) (NumberField, string, bool) {
	name, uom, ok := strings.Cut(field, "_")
	if !ok || len(uom) < 2 || len(uom) > 4 {
		return 0, "", false
	}
	for i := range len(uom) {
		if c := uom[i]; (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return 0, "", false
		}
	}
	f, ok := map[string]NumberField{
		"quantity": QuantityValue, "value": SensorValue, "minValue": SensorMinValue, "maxValue": SensorMaxValue,
		"meanValue": SensorMeanValue, "sDev": SensorSDev, "percValue": SensorPercValue,
	}[name]
	return f, uom, ok
}

func (p *parser) number(q parameter, op Op, n NumberIs, uom string) {
	n.Op = op
	for _, s := range p.numbers(q, op) {
		dimension, v, ok := measure(epcis.Number(s), uom, n.Field == SensorSDev)
		if !ok {
			p.fault(CodeValue, shown(s)+" is not a number")
			return
		}
		n.Dimension = dimension
		n.Values = append(n.Values, v)
	}
	p.add(n)
}

// scopeOf splits a field's name from the place where it stands.
func scopeOf(field string) (scope Scope, inner bool, rest string) {
	rest, inner = strings.CutPrefix(field, "INNER_")
	for _, s := range []struct {
		name  string
		scope Scope
	}{
		{"ILMD_", ILMD},
		{"ERROR_DECLARATION_", InErrorDeclaration},
		{"readPoint_", InReadPoint},
		{"bizLocation_", InBizLocation},
		{"SENSORELEMENT_", InSensorElement},
		{"SENSORMETADATA_", InSensorMetadata},
		{"SENSORREPORT_", InSensorReport},
	} {
		if after, ok := strings.CutPrefix(rest, s.name); ok {
			return s.scope, inner, after
		}
	}
	return TopLevel, inner, rest
}

// fieldIs reads the values that an extension field is compared with.
func (p *parser) fieldIs(q parameter, f FieldIs) {
	switch {
	case p.json && q.list:
		if f.Op != EQ {
			p.fault(CodeValue, "a number or a date and time is wanted")
			return
		}
		for _, s := range p.strings(q) {
			f.Values = append(f.Values, Operand{Text: s})
		}
	case p.json:
		v := q.values[0]
		o := NewOperand(v.text)
		switch {
		case v.kind == epcis.KindNumber && o.Number != nil:
			o.Time = nil
		case v.kind == epcis.KindString && o.Time != nil:
			o.Number = nil
		default:
			p.fault(CodeValue, "a number or a date and time is wanted, or a list of strings with EQ")
			return
		}
		f.Values = []Operand{o}
	case f.Op == EQ:
		for _, s := range p.strings(q) {
			f.Values = append(f.Values, NewOperand(s))
		}
	default:
		before := len(p.faults)
		s := p.one(q, epcis.KindString)
		if len(p.faults) > before {
			return
		}
		o := NewOperand(s)
		if o.Number == nil && o.Time == nil {
			p.fault(CodeValue, shown(s)+" is neither a number nor a date and time")
			return
		}
		f.Values = []Operand{o}
	}
	p.add(f)
}

// exists reads the EXISTS parameters. Their value has no meaning but for false
// and 0, which ask for nothing.
func (p *parser) exists(q parameter, field string) {
	if len(q.values) != 1 || q.list {
		p.fault(CodeValue, "one value is wanted")
		return
	}
	v := q.values[0]
	wanted := true
	switch v.kind {
	case epcis.KindString:
		p.fault(CodeValue, "null, a whole number or a truth value is wanted")
		return
	case epcis.KindBool, epcis.KindNumber, epcis.KindNull, epcis.KindArray, epcis.KindObject:
		switch v.text {
		case "", "null", "true":
		case "false":
			wanted = false
		default:
			n, err := strconv.ParseInt(v.text, 10, 64)
			if err != nil {
				p.fault(CodeValue, shown(v.text)+" is neither null nor a whole number nor a truth value")
				return
			}
			wanted = n != 0
		}
	}
	var pred Predicate
	switch field {
	case "errorDeclaration":
		pred = PartExists{ErrorDeclaration}
	case "sensorElementList":
		pred = PartExists{SensorElementList}
	default:
		scope, inner, rest := scopeOf(field)
		name, ok := p.fieldName(rest)
		if !ok {
			p.unknown()
			return
		}
		pred = FieldExists{Scope: scope, Inner: inner, Name: name}
	}
	if wanted {
		p.add(pred)
	}
}

func (p *parser) match(q parameter, field string) {
	f, ok := map[string]EPCField{
		"epc": EPCs, "parentID": ParentID, "inputEPC": InputEPCs, "outputEPC": OutputEPCs, "anyEPC": AnyEPC,
		"epcClass": EPCClasses, "inputEPCClass": InputEPCClasses, "outputEPCClass": OutputEPCClasses, "anyEPCClass": AnyEPCClass,
	}[field]
	if !ok {
		p.unknown()
		return
	}
	m := EPCMatches{Field: f}
	for _, s := range p.uris(q) {
		for _, w := range p.spellings(s) {
			pattern, ok := parsePattern(w)
			if !ok {
				p.fault(CodeValue, shown(s)+" is not a pure identity pattern")
				return
			}
			m.Patterns = append(m.Patterns, pattern)
		}
	}
	p.add(m)
}
