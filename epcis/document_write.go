package epcis

import (
	"io"
	"slices"
	"strconv"
	"strings"
)

// WriteOptions say how a document is written.
type WriteOptions struct {
	// Form is the syntax.
	Form Form
	// Newer lets FormXML12 put what EPCIS 1.2 does not know (AssociationEvent, sensor
	// data, persistent dispositions, certifications) into the extension points of its
	// schema, where a reader of 1.2 passes over it. Without it these are faults.
	Newer bool
	// WebVocabulary lets FormXML write the words of the CBV as web URIs and not as URNs.
	WebVocabulary bool
	// CreationDate stands in for that of a document that has none, such as bare events.
	CreationDate Time
	// Identifier, if set, gives the spelling in which to write each identifier of an
	// object, class, place, party or sensor device, see CompanyPrefixes.
	Identifier func(string) (string, error)
}

// Encoder writes a document event by event: it holds one event at a time, besides
// the header. It is not safe for concurrent use.
type Encoder struct {
	w   io.Writer
	opt WriteOptions
	doc *Document
	ctx *Context
	x   xmlWriter
	// root is the name of an XML document's outermost element.
	root   string
	events int
	closed bool
	err    error
}

// NewEncoder writes the head of a document: all that doc holds but its events. What
// doc.Extensions gains until Close is written by Close. A document without a type
// becomes an EPCISDocument; a document of EPCIS 2.0 says schemaVersion 2.0, one of
// EPCIS 1.2 says 1.2. The error is Faults, with the code CodeForm where the form
// cannot express the head, or what w returned.
func NewEncoder(w io.Writer, doc *Document, opt WriteOptions) (*Encoder, error) {
	ctx, err := ParseContext(doc.Context)
	if err != nil {
		return nil, err
	}
	e := &Encoder{w: w, opt: opt, doc: doc, ctx: ctx.withIgnored(doc.ignoredFields())}
	var b []byte
	switch opt.Form {
	case FormJSON:
		b, err = e.jsonHead()
	case FormXML, FormXML12:
		b, err = e.xmlHead()
	default:
		err = Faults{{Path: "$", Code: CodeForm, Message: "there is no such form of document"}}
	}
	if err != nil {
		return nil, err
	}
	return e, e.write(b)
}

// ignoredFields gives the names that the document takes out of the hash.
func (d *Document) ignoredFields() []string {
	var names []string
	for i := range d.Extensions {
		if x := &d.Extensions[i]; x.Local == ignoreFields && x.Value.Kind == KindArray {
			for _, v := range x.Value.Items {
				if v.Kind == KindString {
					names = append(names, v.Text)
				}
			}
		}
	}
	return names
}

func (e *Encoder) write(b []byte) error {
	if e.err == nil {
		_, e.err = e.w.Write(b)
	}
	return e.err
}

func formFault(path, message string) error {
	return Faults{{Path: path, Code: CodeForm, Message: message}}
}

// query tells a document of query results.
func (e *Encoder) query() bool { return e.doc.Type == "EPCISQueryDocument" }

// eventPath is the path of the next event's field.
func (e *Encoder) eventPath(path string) string {
	list := "$.epcisBody.eventList["
	if e.query() {
		list = "$.epcisBody.queryResults.resultsBody.eventList["
	}
	return list + strconv.Itoa(e.events) + "]" + strings.TrimPrefix(path, "$")
}

// WriteEvent writes one event. Prefixes that the document does not declare, or
// declares otherwise, are declared with the event. After a fault of the event, which
// is Faults with paths as if the document were JSON, nothing of it is written and the
// next event may follow; after another error the document is lost.
func (e *Encoder) WriteEvent(ev *Event) error {
	if e.err != nil {
		return e.err
	}
	if e.closed {
		return formFault("$", "the document is closed")
	}
	if e.opt.Identifier != nil {
		var err error
		if ev, err = e.renamed(ev); err != nil {
			return err
		}
	}
	var b []byte
	var err error
	if e.opt.Form == FormJSON {
		b, err = e.jsonEvent(ev)
	} else {
		b, err = e.xmlEvent(ev)
	}
	if err != nil {
		return err
	}
	if err := e.write(b); err != nil {
		return err
	}
	e.events++
	return nil
}

// Close writes the end of the document. It does not close the writer.
func (e *Encoder) Close() error {
	if e.err != nil || e.closed {
		return e.err
	}
	e.closed = true
	var b []byte
	var err error
	if e.opt.Form == FormJSON {
		b = e.jsonTail()
	} else {
		b, err = e.xmlTail()
	}
	if err != nil {
		e.err = err
		return err
	}
	return e.write(b)
}

// Write writes the whole document. A fault of an event, its own or that the form
// cannot express it, ends the writing.
func (d *Document) Write(w io.Writer, opt WriteOptions) error {
	e, err := NewEncoder(w, d, opt)
	if err != nil {
		return err
	}
	for i := range d.Events {
		if d.Events[i].Err != nil {
			return d.Events[i].Err
		}
		if err := e.WriteEvent(d.Events[i].Event); err != nil {
			return err
		}
	}
	return e.Close()
}

// renamed gives the event with its identifiers spelled anew.
func (e *Encoder) renamed(ev *Event) (*Event, error) {
	out := *ev
	var faults Faults
	one := func(path, s string) string {
		if s == "" {
			return s
		}
		name, err := e.opt.Identifier(s)
		if err != nil {
			f := Fault{Code: CodeIdentifier, Message: err.Error()}
			if own, ok := err.(Fault); ok { //nolint:errorlint // a wrapped fault keeps its whole text
				f = own
			}
			f.Path = e.eventPath("$." + path)
			faults = append(faults, f)
			return s
		}
		return name
	}
	list := func(path string, in []string) []string {
		out := slices.Clone(in)
		for i := range out {
			out[i] = one(path+"["+strconv.Itoa(i)+"]", out[i])
		}
		return out
	}
	quantities := func(path string, in []Quantity) []Quantity {
		out := slices.Clone(in)
		for i := range out {
			out[i].EPCClass = one(path+"["+strconv.Itoa(i)+"].epcClass", out[i].EPCClass)
		}
		return out
	}
	place := func(path string, in *Location) *Location {
		if in == nil {
			return nil
		}
		out := *in
		out.ID = one(path+".id", out.ID)
		return &out
	}
	parties := func(path, member string, in []Party) []Party {
		out := slices.Clone(in)
		for i := range out {
			out[i].ID = one(path+"["+strconv.Itoa(i)+"]."+member, out[i].ID)
		}
		return out
	}
	out.ParentID = one("parentID", ev.ParentID)
	out.EPCs = list("epcList", ev.EPCs)
	out.ChildEPCs = list("childEPCs", ev.ChildEPCs)
	out.InputEPCs = list("inputEPCList", ev.InputEPCs)
	out.OutputEPCs = list("outputEPCList", ev.OutputEPCs)
	out.Quantities = quantities("quantityList", ev.Quantities)
	out.ChildQuantities = quantities("childQuantityList", ev.ChildQuantities)
	out.InputQuantities = quantities("inputQuantityList", ev.InputQuantities)
	out.OutputQuantities = quantities("outputQuantityList", ev.OutputQuantities)
	out.ReadPoint = place("readPoint", ev.ReadPoint)
	out.BizLocation = place("bizLocation", ev.BizLocation)
	out.Sources = parties("sourceList", "source", ev.Sources)
	out.Destinations = parties("destinationList", "destination", ev.Destinations)
	out.SensorElements = slices.Clone(ev.SensorElements)
	for i := range out.SensorElements {
		el := &out.SensorElements[i]
		path := "sensorElementList[" + strconv.Itoa(i) + "]."
		if el.Metadata != nil {
			m := *el.Metadata
			m.DeviceID = one(path+"sensorMetadata.deviceID", m.DeviceID)
			el.Metadata = &m
		}
		el.Reports = slices.Clone(el.Reports)
		for j := range el.Reports {
			el.Reports[j].DeviceID = one(path+"sensorReport["+strconv.Itoa(j)+"].deviceID", el.Reports[j].DeviceID)
		}
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return &out, nil
}

// ignoredWithin faults an event whose hash has fields that the document leaves out.
func (e *Encoder) ignoredWithin(ev *Event) error {
	for _, name := range e.ctx.ignored {
		if !slices.Contains(ev.ignored, name) && ev.ctx != nil {
			return formFault(e.eventPath("$"), "the document leaves "+quote(name)+" out of the hash, the event does not")
		}
	}
	return nil
}

// ignoredBeyond gives the names that an event leaves out of its hash beyond those of
// the document.
func (e *Encoder) ignoredBeyond(ev *Event) []string {
	var names []string
	for _, name := range ev.ignored {
		if !slices.Contains(e.ctx.ignored, name) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}
