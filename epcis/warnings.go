package epcis

import (
	"slices"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/epcis/unit"
)

// Warnings gives what the standard's text forbids or advises against and yet
// stands in published examples, so that an event with it is still valid: sensor
// attributes stated twice, sensor times after the event, units that do not
// measure what is reported, negative quantities, CURIEs without a declared prefix,
// wrong check digits, malformed EPC URNs and the like. Paths start at the event ($). Whoever wants to
// be strict refuses events that have any.
func (e *Event) Warnings() Faults {
	w := warner{ctx: e.ctx}
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
	w.prefixes(e)
	return w.faults
}

// Warnings gives what is doubtful in the document around its events: an unknown
// schemaVersion, a creationDate without an offset.
func (d *Document) Warnings() Faults {
	version, date := "$.schemaVersion", "$.creationDate"
	if d.Format == XML {
		version, date = "/"+d.Type+"/@schemaVersion", "/"+d.Type+"/@creationDate"
	}
	var fs Faults
	if v := d.SchemaVersion; v != "" && !knownVersion(v, d.Format == XML) {
		fs = append(fs, Fault{Path: version, Code: CodeVersion, Message: "schemaVersion " + quote(v) + " is none that is known; the events are read as those of the document's namespace and form"})
	}
	if withoutOffset(d.CreationDate.Text) {
		fs = append(fs, Fault{Path: date, Code: CodeOffset, Message: "the creationDate says no offset from UTC; it is taken for UTC"})
	}
	return fs
}

// knownVersion tells the versions of published standards; those before 2.0 are of XML alone.
func knownVersion(v string, xml bool) bool {
	major, rest, _ := strings.Cut(v, ".")
	minor, patch, _ := strings.Cut(rest, ".")
	switch major + "." + minor {
	case "2.0":
		return patch == "" || strings.Trim(patch, "0123456789") == ""
	case "1.0", "1.1", "1.2":
		return xml && (patch == "" || strings.Trim(patch, "0123456789") == "")
	}
	return false
}

// withoutOffset tells a local date and time.
func withoutOffset(s string) bool {
	if s == "" {
		return false
	}
	if _, ok := parseTime(s); ok {
		return false
	}
	_, ok := parseTime(s + "Z")
	return ok
}

// Warnings gives those of the event, with paths into the document. The first event
// of a document has those of what stands before it too; Document.Warnings gives
// them for a document that is read as a whole.
func (s *Source) Warnings() Faults {
	if s.Event == nil {
		return slices.Clone(s.head)
	}
	fs := s.Event.Warnings()
	for i := range fs {
		rest := strings.TrimPrefix(fs[i].Path, "$")
		if strings.HasPrefix(s.Path, "/") {
			rest = xpathOf(rest)
		}
		fs[i].Path = s.Path + rest
	}
	return append(slices.Clone(s.head), fs...)
}

// xpathOf writes the path of a field in the manner of XPath, whose positions count from 1.
func xpathOf(path string) string {
	var b strings.Builder
	for path != "" {
		if name, rest, ok := strings.Cut(path, "']"); ok && strings.HasPrefix(name, "['") {
			b.WriteString("/" + name[2:])
			path = rest
			continue
		}
		if index, rest, ok := strings.Cut(path, "]"); ok && path[0] == '[' {
			if i, err := strconv.Atoi(index[1:]); err == nil {
				b.WriteString("[" + strconv.Itoa(i+1) + "]")
			}
			path = rest
			continue
		}
		path = strings.TrimPrefix(path, ".")
		end := strings.IndexAny(path, ".[")
		if end <= 0 {
			end = len(path)
		}
		b.WriteString("/" + path[:end])
		path = path[end:]
	}
	return b.String()
}

type warner struct {
	faults Faults
	// ctx is what the event was read in; nil for an event made by hand.
	ctx *Context
}

func (w *warner) add(field, member, code, message string) {
	path := "$"
	if field != "" && field[0] != '[' {
		path += "."
	}
	path += field
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
		if v, err := strconv.ParseFloat(string(q.Quantity), 64); err == nil && v < 0 {
			w.at(list, i, "quantity", CodeNegative, "the quantity "+quote(string(q.Quantity))+" is negative")
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
		w.unit(path, r)
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

// unit checks that a report's unit measures what the report says.
func (w *warner) unit(path string, r *SensorReport) {
	if r.UOM == "" || !isMeasurementType(r.Type) {
		return
	}
	switch fits, known := unit.Measures(r.Type, r.UOM); {
	case !known:
		w.add(path, "uom", CodeUnit, quote(r.UOM)+" is no UN/CEFACT unit that is known to measure "+r.Type)
	case !fits:
		u, _ := unit.Of(r.UOM)
		w.add(path, "uom", CodeUnit, quote(r.UOM)+" is a unit of "+u.Dimension+" and does not measure "+r.Type)
	}
}

// prefixes finds CURIEs, among the names of extensions and the values of vocabularies and identifiers, whose
// prefix is declared nowhere: nobody else can tell what they stand for.
func (w *warner) prefixes(e *Event) {
	w.curie("type", string(e.Type))
	w.curie("bizStep", string(e.BizStep))
	w.curie("disposition", string(e.Disposition))
	if p := e.PersistentDisposition; p != nil {
		for i, d := range p.Set {
			w.curie("persistentDisposition.set["+strconv.Itoa(i)+"]", string(d))
		}
		for i, d := range p.Unset {
			w.curie("persistentDisposition.unset["+strconv.Itoa(i)+"]", string(d))
		}
	}
	for _, l := range [...]struct {
		field string
		at    *Location
	}{{"readPoint", e.ReadPoint}, {"bizLocation", e.BizLocation}} {
		if l.at != nil {
			w.curie(l.field+".id", l.at.ID)
			w.names(l.field, l.at.Extensions)
		}
	}
	for i, b := range e.BizTransactions {
		w.curie("bizTransactionList["+strconv.Itoa(i)+"].type", b.Type)
		w.curie("bizTransactionList["+strconv.Itoa(i)+"].bizTransaction", b.ID)
	}
	for _, l := range [...]struct {
		field, id string
		parties   []Party
	}{{"sourceList", "source", e.Sources}, {"destinationList", "destination", e.Destinations}} {
		for i, p := range l.parties {
			w.curie(l.field+"["+strconv.Itoa(i)+"].type", p.Type)
			w.curie(l.field+"["+strconv.Itoa(i)+"]."+l.id, p.ID)
		}
	}
	if d := e.ErrorDeclaration; d != nil {
		w.curie("errorDeclaration.reason", d.Reason)
		w.names("errorDeclaration", d.Extensions)
	}
	for i := range e.SensorElements {
		s := &e.SensorElements[i]
		base := "sensorElementList[" + strconv.Itoa(i) + "]"
		w.names(base, s.Extensions)
		if s.Metadata != nil {
			w.names(base+".sensorMetadata", s.Metadata.Extensions)
		}
		for j := range s.Reports {
			path := base + ".sensorReport[" + strconv.Itoa(j) + "]"
			w.curie(path+".type", s.Reports[j].Type)
			w.curie(path+".exception", s.Reports[j].Exception)
			w.curie(path+".component", s.Reports[j].Component)
			w.names(path, s.Reports[j].Extensions)
		}
	}
	w.names("ilmd", e.ILMD)
	w.names("", e.Extensions)
}

// names checks the names of extensions, and of what lies in them.
func (w *warner) names(parent string, fields []Extension) {
	for _, f := range fields {
		path := string(appendPathMember([]byte(parent), f.Name))
		if prefix, ok := w.undeclared(f.Name); ok && strings.HasPrefix(f.Namespace, prefix+":") {
			w.add(path, "", CodePrefix, "the prefix "+quote(prefix)+" is declared in no @context; the field means something here alone")
		}
		w.inner(path, f.Value)
	}
}

func (w *warner) inner(path string, v Value) {
	for i, item := range v.Items {
		w.inner(path+"["+strconv.Itoa(i)+"]", item)
	}
	w.names(path, v.Members)
}

func (w *warner) curie(field, value string) {
	if prefix, ok := w.undeclared(value); ok {
		w.add(field, "", CodePrefix, "the prefix "+quote(prefix)+" of "+quote(value)+" is declared in no @context, and no URI scheme that is known")
	}
}

// undeclared gives the prefix of a name that looks like a CURIE and is none.
func (w *warner) undeclared(name string) (prefix string, ok bool) {
	prefix, local, ok := strings.Cut(name, ":")
	if !ok || strings.HasPrefix(local, "//") || prefix == "" || prefix[0] == '@' {
		return "", false
	}
	if _, declared := w.ctx.prefix(prefix); declared || isScheme(strings.ToLower(prefix)) {
		return "", false
	}
	return prefix, true
}

// isScheme tells URI schemes that identifiers have and that are followed by no "//".
// Source: IANA, Uniform Resource Identifier Schemes, and those of ledgers that are not registered.
func isScheme(s string) bool {
	switch s {
	case "urn", "ni", "nih", "tag", "info", "doi", "did", "data", "mailto", "tel", "geo", "oid", "uuid", "ark", "hdl",
		"cid", "mid", "news", "sip", "sips", "magnet", "swid", "z39.50", "acct", "about", "bitcoin", "ethereum", "http", "https":
		return true
	}
	return false
}
