package query

import (
	"slices"
	"strings"
	"time"

	"github.com/waybill-dev/waybill/epcis"
)

// Matches reports whether an event is in the result of the query, order and
// limits aside. It is a plain filter, for tests of stores and for subscriptions.
// The event is as a repository answers it, with recordTime and eventID filled in.
// Without master data a place has no descendants and no attributes.
func (q *Query) Matches(e *epcis.Event) bool { return q.MatchesWith(e, nil) }

// MatchesWith is Matches with master data, which may be nil.
func (q *Query) MatchesWith(e *epcis.Event, md MasterData) bool {
	for _, p := range q.Predicates {
		if !p.Holds(e, md) {
			return false
		}
	}
	return true
}

// Holds implements Predicate.
func (p EventTypeIn) Holds(e *epcis.Event, _ MasterData) bool {
	return slices.Contains(p.Types, e.Type)
}

// Holds implements Predicate.
func (p TimeIs) Holds(e *epcis.Event, _ MasterData) bool {
	return slices.ContainsFunc(timesOf(e, p.Field), func(t epcis.Time) bool {
		return !t.IsZero() && p.Op.holds(t.Instant.Compare(p.Time))
	})
}

func timesOf(e *epcis.Event, f TimeField) []epcis.Time {
	switch f {
	case EventTime:
		return []epcis.Time{e.EventTime}
	case RecordTime:
		return []epcis.Time{e.RecordTime}
	case DeclarationTime:
		if e.ErrorDeclaration != nil {
			return []epcis.Time{e.ErrorDeclaration.DeclarationTime}
		}
		return nil
	case SensorTime, SensorStartTime, SensorEndTime:
	}
	var list []epcis.Time
	for _, el := range e.SensorElements {
		if m := el.Metadata; m != nil {
			switch f {
			case SensorTime:
				list = append(list, m.Time)
			case SensorStartTime:
				list = append(list, m.StartTime)
			case SensorEndTime:
				list = append(list, m.EndTime)
			case EventTime, RecordTime, DeclarationTime:
			}
		}
		if f == SensorTime {
			for _, r := range el.Reports {
				list = append(list, r.Time)
			}
		}
	}
	return list
}

// holds tells whether a comparison's outcome, as cmp.Compare gives it, satisfies o.
func (o Op) holds(order int) bool {
	switch o {
	case EQ:
		return order == 0
	case GT:
		return order > 0
	case GE:
		return order >= 0
	case LT:
		return order < 0
	case LE:
		return order <= 0
	}
	return false
}

// Holds implements Predicate.
func (p WordIn) Holds(e *epcis.Event, _ MasterData) bool {
	has := func(s string) bool { return s != "" && slices.Contains(p.Words, s) }
	switch p.Field {
	case Action:
		return has(string(e.Action))
	case BizStep:
		return has(string(e.BizStep))
	case Disposition:
		return has(string(e.Disposition))
	case PersistentDispositionSet, PersistentDispositionUnset:
		if e.PersistentDisposition == nil {
			return false
		}
		list := e.PersistentDisposition.Set
		if p.Field == PersistentDispositionUnset {
			list = e.PersistentDisposition.Unset
		}
		return slices.ContainsFunc(list, func(d epcis.Disposition) bool { return has(string(d)) })
	case ErrorReason:
		return e.ErrorDeclaration != nil && has(e.ErrorDeclaration.Reason)
	case SensorType:
		return slices.ContainsFunc(e.SensorElements, func(el epcis.SensorElement) bool {
			return slices.ContainsFunc(el.Reports, func(r epcis.SensorReport) bool { return has(r.Type) })
		})
	}
	return false
}

// Holds implements Predicate.
func (p IDIn) Holds(e *epcis.Event, md MasterData) bool {
	return slices.ContainsFunc(p.idsOf(e), func(id string) bool {
		if id == "" {
			return false
		}
		if p.Field != EventID && p.Field != CorrectiveEventID {
			id = CanonicalID(id)
		}
		return slices.ContainsFunc(p.IDs, func(want string) bool {
			return id == want || p.Descendants && md != nil && md.Below(id, want)
		})
	})
}

func (p IDIn) idsOf(e *epcis.Event) []string {
	var ids []string
	switch p.Field {
	case ReadPoint:
		if e.ReadPoint != nil {
			ids = append(ids, e.ReadPoint.ID)
		}
	case BizLocation:
		if e.BizLocation != nil {
			ids = append(ids, e.BizLocation.ID)
		}
	case TransformationID:
		ids = append(ids, e.TransformationID)
	case EventID:
		ids = append(ids, e.EventID)
	case CorrectiveEventID:
		if e.ErrorDeclaration != nil {
			ids = e.ErrorDeclaration.CorrectiveEventIDs
		}
	case BizTransaction:
		for _, b := range e.BizTransactions {
			if slices.Contains(p.Types, b.Type) {
				ids = append(ids, b.ID)
			}
		}
	case Source, Destination:
		list := e.Sources
		if p.Field == Destination {
			list = e.Destinations
		}
		for _, s := range list {
			if slices.Contains(p.Types, s.Type) {
				ids = append(ids, s.ID)
			}
		}
	case DeviceID, DataProcessingMethod, BizRules, Microorganism, ChemicalSubstance, URIValue:
		for _, el := range e.SensorElements {
			ids = append(ids, sensorIDs(el, p.Field)...)
		}
	}
	return ids
}

func sensorIDs(el epcis.SensorElement, f IDField) []string {
	var ids []string
	if m := el.Metadata; m != nil {
		switch f { //nolint:exhaustive // the other fields do not stand in metadata
		case DeviceID:
			ids = append(ids, m.DeviceID)
		case DataProcessingMethod:
			ids = append(ids, m.DataProcessingMethod)
		case BizRules:
			ids = append(ids, m.BizRules)
		}
	}
	for _, r := range el.Reports {
		switch f { //nolint:exhaustive // the other fields are no sensor fields
		case DeviceID:
			ids = append(ids, r.DeviceID)
		case DataProcessingMethod:
			ids = append(ids, r.DataProcessingMethod)
		case BizRules:
			ids = append(ids, r.BizRules)
		case Microorganism:
			ids = append(ids, r.Microorganism)
		case ChemicalSubstance:
			ids = append(ids, r.ChemicalSubstance)
		case URIValue:
			ids = append(ids, r.URIValue)
		}
	}
	return ids
}

// reports tells whether a sensor report of the event satisfies f.
func reports(e *epcis.Event, f func(r *epcis.SensorReport) bool) bool {
	for i := range e.SensorElements {
		for j := range e.SensorElements[i].Reports {
			if f(&e.SensorElements[i].Reports[j]) {
				return true
			}
		}
	}
	return false
}

// Holds implements Predicate.
func (p TextIn) Holds(e *epcis.Event, _ MasterData) bool {
	return reports(e, func(r *epcis.SensorReport) bool {
		if p.Field == HexBinaryValue {
			return r.HexBinaryValue != "" && slices.Contains(p.Texts, strings.ToUpper(r.HexBinaryValue))
		}
		return r.StringValue != nil && slices.Contains(p.Texts, *r.StringValue)
	})
}

// Holds implements Predicate.
func (p BooleanIs) Holds(e *epcis.Event, _ MasterData) bool {
	return reports(e, func(r *epcis.SensorReport) bool { return r.BooleanValue != nil && *r.BooleanValue == p.Value })
}

// Holds implements Predicate.
func (p EPCMatches) Holds(e *epcis.Event, _ MasterData) bool {
	return slices.ContainsFunc(epcsOf(e, p.Field), func(epc string) bool {
		if epc == "" {
			return false
		}
		id := CanonicalID(epc)
		return slices.ContainsFunc(p.Patterns, func(want Pattern) bool { return want.Matches(id) })
	})
}

func epcsOf(e *epcis.Event, f EPCField) []string {
	switch f {
	case EPCs:
		return slices.Concat(e.EPCs, e.ChildEPCs)
	case ParentID:
		return []string{e.ParentID}
	case InputEPCs:
		return e.InputEPCs
	case OutputEPCs:
		return e.OutputEPCs
	case AnyEPC:
		return slices.Concat([]string{e.ParentID}, e.EPCs, e.ChildEPCs, e.InputEPCs, e.OutputEPCs)
	case EPCClasses, InputEPCClasses, OutputEPCClasses, AnyEPCClass:
	}
	var classes []string
	for _, q := range quantitiesOf(e, f) {
		classes = append(classes, q.EPCClass)
	}
	return classes
}

func quantitiesOf(e *epcis.Event, f EPCField) []epcis.Quantity {
	switch f {
	case EPCClasses:
		return slices.Concat(e.Quantities, e.ChildQuantities)
	case InputEPCClasses:
		return e.InputQuantities
	case OutputEPCClasses:
		return e.OutputQuantities
	case AnyEPCClass:
		return slices.Concat(e.Quantities, e.ChildQuantities, e.InputQuantities, e.OutputQuantities)
	case EPCs, ParentID, InputEPCs, OutputEPCs, AnyEPC:
	}
	return nil
}

// Holds implements Predicate.
func (p NumberIs) Holds(e *epcis.Event, _ MasterData) bool {
	if p.Field == QuantityValue {
		return slices.ContainsFunc(quantitiesOf(e, AnyEPCClass), func(q epcis.Quantity) bool { return p.holds(q.Quantity, q.UOM) })
	}
	return reports(e, func(r *epcis.SensorReport) bool {
		switch p.Field {
		case SensorValue:
			return p.holds(r.Value, r.UOM)
		case SensorMinValue:
			return p.holds(r.MinValue, r.UOM)
		case SensorMaxValue:
			return p.holds(r.MaxValue, r.UOM)
		case SensorMeanValue:
			return p.holds(r.MeanValue, r.UOM)
		case SensorSDev:
			return p.holds(r.SDev, r.UOM)
		case SensorPercValue:
			return p.holds(r.PercValue, r.UOM)
		case SensorPercRank:
			return p.holds(r.PercRank, "")
		case QuantityValue:
		}
		return false
	})
}

func (p NumberIs) holds(n epcis.Number, uom string) bool {
	if n == "" {
		return false
	}
	if p.AnyUnit {
		uom = ""
	}
	dimension, v, ok := measure(n, uom, p.Field == SensorSDev)
	if !ok || dimension != p.Dimension {
		return false
	}
	return slices.ContainsFunc(p.Values, func(want float64) bool { return p.Op.holds(compareNumbers(v, want)) })
}

// compareNumbers compares finite numbers.
func compareNumbers(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// Holds implements Predicate.
func (p PartExists) Holds(e *epcis.Event, _ MasterData) bool {
	if p.Part == ErrorDeclaration {
		return e.ErrorDeclaration != nil
	}
	return len(e.SensorElements) > 0
}

// Holds implements Predicate.
func (p FieldIs) Holds(e *epcis.Event, _ MasterData) bool {
	return anyField(e, p.Scope, p.Inner, p.Name, func(v epcis.Value) bool {
		return slices.ContainsFunc(Leaves(v), func(leaf string) bool {
			return slices.ContainsFunc(p.Values, func(want Operand) bool { return want.holds(p.Op, leaf) })
		})
	})
}

// Holds implements Predicate.
func (p FieldExists) Holds(e *epcis.Event, _ MasterData) bool {
	return anyField(e, p.Scope, p.Inner, p.Name, func(epcis.Value) bool { return true })
}

// holds compares the text of a field with the operand.
func (o Operand) holds(op Op, text string) bool {
	if op == EQ && text == o.Text {
		return true
	}
	if o.Number != nil {
		if v, ok := number(text); ok {
			return op.holds(compareNumbers(v, *o.Number))
		}
	}
	if o.Time != nil {
		if at, ok := instant(text); ok {
			return op.holds(at.Compare(*o.Time))
		}
	}
	return false
}

// NewOperand reads a value that an extension field is compared with, or the value
// of such a field.
func NewOperand(text string) Operand {
	o := Operand{Text: text}
	if v, ok := number(text); ok {
		o.Number = &v
	} else if at, ok := instant(text); ok {
		o.Time = &at
	}
	return o
}

// instant reads a date and time with an offset.
func instant(s string) (time.Time, bool) {
	const shortest = len("2006-01-02T15:04:05Z")
	if len(s) < shortest || len(s) > 64 || s[4] != '-' {
		return time.Time{}, false
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	return t.UTC(), err == nil
}

// Leaves gives the texts that the value of an extension field compares as: its
// own, or those of the members when it is an array. An object has none, except
// the @value of a typed literal.
func Leaves(v epcis.Value) []string {
	switch v.Kind {
	case epcis.KindBool, epcis.KindNumber, epcis.KindString:
		return []string{v.Text}
	case epcis.KindArray:
		var texts []string
		for _, item := range v.Items {
			texts = append(texts, Leaves(item)...)
		}
		return texts
	case epcis.KindObject:
		for _, m := range v.Members {
			if m.Name == "@value" {
				return Leaves(m.Value)
			}
		}
	case epcis.KindNull:
	}
	return nil
}

// anyField tells whether a field of the name in the scope satisfies f.
func anyField(e *epcis.Event, s Scope, inner bool, name Name, f func(epcis.Value) bool) bool {
	return slices.ContainsFunc(Fields(e, s), func(x epcis.Extension) bool {
		if !inner {
			return NameOf(x) == name && f(x.Value)
		}
		return within(x.Value, name, f)
	})
}

// within looks for fields of the name inside a value.
func within(v epcis.Value, name Name, f func(epcis.Value) bool) bool {
	for _, item := range v.Items {
		if within(item, name, f) {
			return true
		}
	}
	for _, m := range v.Members {
		if NameOf(m) == name && f(m.Value) || within(m.Value, name, f) {
			return true
		}
	}
	return false
}

// NameOf gives the name of an extension field as queries compare it.
func NameOf(x epcis.Extension) Name {
	return Name{Namespace: strings.TrimSuffix(x.Namespace, "#"), Local: x.Local}
}

// Fields gives the extension fields of an event that stand in a scope.
func Fields(e *epcis.Event, s Scope) []epcis.Extension {
	switch s {
	case TopLevel:
		return e.Extensions
	case ILMD:
		return e.ILMD
	case InErrorDeclaration:
		if e.ErrorDeclaration != nil {
			return e.ErrorDeclaration.Extensions
		}
	case InReadPoint:
		if e.ReadPoint != nil {
			return e.ReadPoint.Extensions
		}
	case InBizLocation:
		if e.BizLocation != nil {
			return e.BizLocation.Extensions
		}
	case InSensorElement, InSensorMetadata, InSensorReport:
		var list []epcis.Extension
		for _, el := range e.SensorElements {
			switch s { //nolint:exhaustive // the other scopes are not in sensor elements
			case InSensorElement:
				list = append(list, el.Extensions...)
			case InSensorMetadata:
				if el.Metadata != nil {
					list = append(list, el.Metadata.Extensions...)
				}
			case InSensorReport:
				for _, r := range el.Reports {
					list = append(list, r.Extensions...)
				}
			}
		}
		return list
	}
	return nil
}

// Holds implements Predicate.
func (p AttributeIs) Holds(e *epcis.Event, md MasterData) bool {
	if md == nil {
		return false
	}
	return slices.ContainsFunc(p.idsOf(e), func(id string) bool {
		id = CanonicalID(id)
		return id != "" && slices.ContainsFunc(p.Attributes, func(name Name) bool {
			values := md.Attribute(id, name)
			if p.Values == nil {
				return len(values) > 0
			}
			return slices.ContainsFunc(values, func(v string) bool { return slices.Contains(p.Values, v) })
		})
	})
}

// attributeFields are the fields of the standard whose values master data may
// describe.
func attributeFields() []string {
	return []string{"readPoint", "bizLocation", "bizStep", "disposition", "epcClass", "bizTransaction", "source", "destination", "transformationID"}
}

func (p AttributeIs) idsOf(e *epcis.Event) []string {
	var ids []string
	switch p.Field {
	case "":
		anyField(e, TopLevel, false, p.Name, func(v epcis.Value) bool {
			ids = append(ids, Leaves(v)...)
			return false
		})
	case "readPoint":
		return IDIn{Field: ReadPoint}.idsOf(e)
	case "bizLocation":
		return IDIn{Field: BizLocation}.idsOf(e)
	case "transformationID":
		return []string{e.TransformationID}
	case "bizStep":
		return []string{string(e.BizStep)}
	case "disposition":
		return []string{string(e.Disposition)}
	case "epcClass":
		return epcsOf(e, AnyEPCClass)
	case "bizTransaction":
		for _, b := range e.BizTransactions {
			ids = append(ids, b.ID)
		}
	case "source":
		for _, s := range e.Sources {
			ids = append(ids, s.ID)
		}
	case "destination":
		for _, s := range e.Destinations {
			ids = append(ids, s.ID)
		}
	}
	return ids
}
