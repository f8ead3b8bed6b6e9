package epcis

import (
	"strconv"
	"strings"
)

// Warnings gives what the standard's text forbids or advises against and yet
// stands in published examples, so that an event with it is still valid: sensor
// attributes stated twice, sensor times after the event, wrong check digits,
// malformed EPC URNs and the like. Paths start at the event ($). Whoever wants to
// be strict refuses events that have any.
func (e *Event) Warnings() Faults {
	w := warner{}
	if e.repeatedID {
		w.add("eventID", "", CodeDuplicateMember, "eventID stands twice; the last one counts")
	}
	if e.ErrorDeclaration != nil {
		if e.EventID == "" {
			w.add("eventID", "", CodeRequired, "an errorDeclaration repeats an event by its eventID, which is missing")
		}
		for i, id := range e.ErrorDeclaration.CorrectiveEventIDs {
			if id == e.EventID {
				w.at("errorDeclaration.correctiveEventIDs", i, "", CodeNotAllowed, "a correction has an eventID of its own")
			}
		}
	}
	if e.Type == AggregationEvent && e.ParentID == "" && e.Action != Observe {
		w.add("parentID", "", CodeRequired, "an AggregationEvent needs a parentID unless its action is OBSERVE")
	}
	if e.Type == TransactionEvent && e.Action != Delete && len(e.EPCs) == 0 && len(e.Quantities) == 0 {
		w.add("epcList", "", CodeEmpty, "a TransactionEvent without objects says nothing")
	}
	w.instance("parentID", e.ParentID)
	w.instances("epcList", e.EPCs)
	w.instances("childEPCs", e.ChildEPCs)
	w.instances("inputEPCList", e.InputEPCs)
	w.instances("outputEPCList", e.OutputEPCs)
	w.quantities("quantityList", e.Quantities)
	w.quantities("childQuantityList", e.ChildQuantities)
	w.quantities("inputQuantityList", e.InputQuantities)
	w.quantities("outputQuantityList", e.OutputQuantities)
	if e.ReadPoint != nil {
		w.identifier("readPoint.id", e.ReadPoint.ID)
	}
	if e.BizLocation != nil {
		w.identifier("bizLocation.id", e.BizLocation.ID)
	}
	for i, b := range e.BizTransactions {
		w.identifier("bizTransactionList["+strconv.Itoa(i)+"].bizTransaction", b.ID)
	}
	for i, p := range e.Sources {
		w.identifier("sourceList["+strconv.Itoa(i)+"].source", p.ID)
	}
	for i, p := range e.Destinations {
		w.identifier("destinationList["+strconv.Itoa(i)+"].destination", p.ID)
	}
	for i := range e.SensorElements {
		w.sensorElement(e, i, &e.SensorElements[i])
	}
	return w.faults
}

// Warnings gives those of the event, with paths into the document.
func (s *Source) Warnings() Faults {
	if s.Event == nil {
		return nil
	}
	fs := s.Event.Warnings()
	for i := range fs {
		rest := strings.TrimPrefix(fs[i].Path, "$")
		if strings.HasPrefix(s.Path, "/") {
			rest = xpathOf(rest)
		}
		fs[i].Path = s.Path + rest
	}
	return fs
}

// xpathOf writes the path of a field in the manner of XPath, whose positions count from 1.
func xpathOf(path string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(strings.TrimPrefix(path, "."), ".") {
		b.WriteByte('/')
		name, index, found := strings.Cut(part, "[")
		b.WriteString(name)
		if found {
			if i, err := strconv.Atoi(strings.TrimSuffix(index, "]")); err == nil {
				b.WriteString("[" + strconv.Itoa(i+1) + "]")
			}
		}
	}
	return b.String()
}

type warner struct{ faults Faults }

func (w *warner) add(field, member, code, message string) {
	path := "$." + field
	if member != "" {
		path += "." + member
	}
	w.faults = append(w.faults, Fault{Path: path, Code: code, Message: message})
}

func (w *warner) at(list string, i int, member, code, message string) {
	w.add(list+"["+strconv.Itoa(i)+"]", member, code, message)
}

// identifier checks the spelling of a GS1 identifier.
func (w *warner) identifier(field, s string) IdentifierKind {
	if s == "" || !isURI(s) {
		return KindOther
	}
	if err := VerifyCheckDigit(s); err != nil {
		if f, ok := err.(Fault); ok { //nolint:errorlint // VerifyCheckDigit gives a bare Fault
			w.add(field, "", f.Code, f.Message)
		}
	}
	if scheme, ok := gs1Scheme(s); ok {
		if kind := KindOf(s); kind == KindOther {
			w.add(field, "", CodeIdentifier, quote(s)+" breaks the rules of the EPC scheme "+scheme)
		}
	}
	return KindOf(s)
}

func (w *warner) instance(field, s string) {
	if w.identifier(field, s) == KindOther {
		return
	}
	if id, err := ParseIdentifier(s); err == nil && id.Class {
		w.add(field, "", CodeIdentifier, quote(s)+" names a class of objects where one object is meant")
	}
}

func (w *warner) instances(list string, epcs []string) {
	for i, s := range epcs {
		w.instance(list+"["+strconv.Itoa(i)+"]", s)
	}
}

func (w *warner) quantities(list string, qs []Quantity) {
	for i, q := range qs {
		w.identifier(list+"["+strconv.Itoa(i)+"].epcClass", q.EPCClass)
		if q.UOM != "" && q.Quantity == "" {
			w.at(list, i, "uom", CodeNotAllowed, "a unit stands without a quantity")
		}
	}
}

func (w *warner) sensorElement(e *Event, i int, s *SensorElement) {
	base := "sensorElementList[" + strconv.Itoa(i) + "]"
	late := func(path string, t Time) {
		if !t.Instant.IsZero() && !e.EventTime.Instant.IsZero() && t.Instant.After(e.EventTime.Instant) {
			w.add(path, "", CodeSensorTime, "a sensor's time lies after eventTime")
		}
	}
	m := s.Metadata
	if m != nil {
		late(base+".sensorMetadata.time", m.Time)
		late(base+".sensorMetadata.startTime", m.StartTime)
		late(base+".sensorMetadata.endTime", m.EndTime)
		if !m.StartTime.Instant.IsZero() && !m.EndTime.Instant.IsZero() && m.EndTime.Instant.Before(m.StartTime.Instant) {
			w.add(base+".sensorMetadata.endTime", "", CodeTimeOrder, "endTime lies before startTime")
		}
	}
	for j := range s.Reports {
		r := &s.Reports[j]
		path := base + ".sensorReport[" + strconv.Itoa(j) + "]"
		late(path+".time", r.Time)
		if m == nil {
			continue
		}
		for _, both := range [...]struct{ name, metadata, report string }{
			{"time", m.Time.Text, r.Time.Text},
			{"deviceID", m.DeviceID, r.DeviceID},
			{"deviceMetadata", m.DeviceMetadata, r.DeviceMetadata},
			{"rawData", m.RawData, r.RawData},
			{"dataProcessingMethod", m.DataProcessingMethod, r.DataProcessingMethod},
			{"bizRules", m.BizRules, r.BizRules},
		} {
			if both.metadata != "" && both.report != "" {
				w.add(path, both.name, CodeSensorTwice, both.name+" stands in sensorMetadata and in its sensorReport")
			}
		}
	}
}
