package epcis

import (
	"bufio"
	"encoding/xml"
	"errors"
	"io"
	"iter"
	"strconv"
	"strings"
)

// EventsXML streams the events of an XML document, EPCIS 2.0 or 1.2, as Events
// does for JSON; a document may be one bare event. Raw and Context of a Source are the JSON-LD rendering of the
// event, so that the same hash comes out; paths are XPaths into the XML.
func EventsXML(r io.Reader, lim Limits) iter.Seq2[Source, error] {
	return func(yield func(Source, error) bool) {
		emit := func(s Source) bool { return yield(s, nil) }
		if err := readXML(r, lim.orDefault(), &Document{Format: XML}, emit); err != nil {
			yield(Source{}, err)
		}
	}
}

const xsiNamespace = "http://www.w3.org/2001/XMLSchema-instance"

// epcisNamespace tells the namespaces of the standard's own schemas.
func epcisNamespace(space string) bool {
	switch space {
	case "urn:epcglobal:epcis:xsd:1", "urn:epcglobal:epcis:xsd:2",
		"urn:epcglobal:epcis-query:xsd:1", "urn:epcglobal:epcis-query:xsd:2":
		return true
	}
	return false
}

// xmlReader walks an XML document.
type xmlReader struct {
	dec  *xml.Decoder
	lim  Limits
	doc  *Document
	emit func(Source) bool
	// open are the elements from the root down to the current one.
	open  []*xmlElement
	index int
	// counts says how many events of each name there were, for their paths.
	counts map[string]int
	ctx    *Context
	// ignored are the names of fields that the document takes out of the hash.
	ignored []xmlName
	faults  Faults
	// current is the element that is read as a whole, so that marks find it.
	current *xmlElement
	// used are the prefixes of the document itself: its root, header and extensions.
	used []xmlBinding
	// context is what the document's @context had beyond prefixes.
	context string
}

func readXML(r io.Reader, lim Limits, doc *Document, emit func(Source) bool) error {
	in := bufio.NewReader(&limitedReader{r: r, left: lim.MaxBytes, limit: lim.MaxBytes})
	prefix, err := in.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return err //nolint:wrapcheck // it is the limited reader's own
	}
	if f := wideEncoding(prefix, "/"); f != nil {
		return Faults{*f}
	}
	dec := xml.NewDecoder(&tagReader{in: in})
	dec.CharsetReader = func(charset string, in io.Reader) (io.Reader, error) {
		switch strings.ToLower(charset) {
		case "us-ascii", "ascii", "iso-8859-1", "latin1":
			return &latin1{in: bufio.NewReader(in)}, nil
		}
		return nil, Faults{{Path: "/", Code: CodeNotUTF8, Message: "encoding " + quote(charset) + " is not read; want UTF-8"}}
	}
	x := &xmlReader{dec: dec, lim: lim, doc: doc, emit: emit, counts: map[string]int{}}
	err = x.document()
	if errors.Is(err, errStopped) {
		return nil
	}
	return err
}

func (x *xmlReader) path() string {
	var b strings.Builder
	for _, el := range x.open {
		b.WriteString("/" + el.String())
		if el.at > 0 {
			b.WriteString("[" + strconv.Itoa(el.at) + "]")
		}
	}
	if b.Len() == 0 {
		return "/"
	}
	return b.String()
}

func (x *xmlReader) addFault(path, code, message string) {
	if len(x.faults) < x.lim.MaxFaults {
		x.faults = append(x.faults, Fault{Path: path, Code: code, Message: message})
	}
}

func (x *xmlReader) document() error {
	var root *xmlElement
	for root == nil {
		tok, err := x.token()
		if err != nil {
			return err
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			if root, err = x.start(tok, nil); err != nil {
				return err
			}
			if root.space == "" && EventType(root.local).Standard() {
				return x.bareEvent(root)
			}
			if err := x.root(root, tok.Name); err != nil {
				return err
			}
		case xml.CharData:
			if s := strings.TrimPrefix(string(tok), "\ufeff"); strings.TrimSpace(s) != "" {
				return fatal("/", CodeNotXML, "text before the document")
			}
		default:
			return fatal("/", CodeNotXML, "the document does not start with an element")
		}
	}
	if len(x.faults) > 0 {
		return x.faults
	}
	body := false
	err := x.children(root, func(el *xmlElement) error {
		switch {
		case el.space == "" && el.local == "EPCISHeader":
			return x.header(el)
		case el.space == "" && el.local == "EPCISBody":
			body = true
			x.doc.Context = x.rootContext()
			return x.body(el)
		case el.space == "" && x.doc.Type == "EPCISQueryDocument" && isQueryResult(el.local):
			// Published query documents leave EPCISBody and QueryResults out.
			body = true
			return x.queryResult(el)
		}
		return x.other(InDocument, el)
	})
	if err != nil {
		return err
	}
	if err := x.end(); err != nil {
		return err
	}
	if !body {
		x.addFault("/"+root.String()+"/EPCISBody", CodeRequired, "EPCISBody is required")
	}
	if len(x.faults) > 0 {
		return x.faults
	}
	x.doc.Context = x.rootContext()
	return nil
}

// end wants nothing but comments and white space after the root.
func (x *xmlReader) end() error {
	for {
		tok, err := x.dec.RawToken()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return x.syntax(err)
		}
		switch tok := tok.(type) {
		case xml.Comment, xml.ProcInst:
		case xml.CharData:
			if strings.TrimSpace(string(tok)) != "" {
				return fatal("/", CodeNotXML, "text after the document")
			}
		default:
			return fatal("/", CodeNotXML, "a second root element")
		}
	}
}

// root checks the outermost element.
func (x *xmlReader) root(el *xmlElement, name xml.Name) error {
	space, _ := x.lookup(el, name.Space)
	if !epcisNamespace(space) || !isDocumentType(el.local) {
		return fatal("/"+el.String(), CodeSchema, "the document is neither an EPCISDocument nor an EPCISQueryDocument of EPCIS 2.0 or 1.x")
	}
	x.doc.Type = el.local
	x.rootUsed(el)
	x.doc.Context = x.rootContext()
	for _, a := range el.attrs {
		if a.space == rdfNamespace && a.local == "about" {
			if x.doc.ID = strings.TrimSpace(a.value); !isURI(x.doc.ID) {
				x.addFault("/"+el.String()+"/@"+a.String(), CodeFormat, quote(a.value)+" is not an absolute URI")
			}
			continue
		}
		if a.space != "" {
			x.rootAttribute(a)
			continue
		}
		switch a.local {
		case "schemaVersion":
			if x.doc.SchemaVersion = strings.TrimSpace(a.value); !isVersion(x.doc.SchemaVersion) {
				x.addFault("/"+el.String()+"/@schemaVersion", CodeFormat, quote(a.value)+" is not a version such as 2.0")
			}
		case "creationDate":
			s := xmlTime(a.value)
			at, ok := parseTime(s)
			if !ok {
				// XML Schema lets the offset of a dateTime away, and files of 1.2 do; a warning says so.
				if at, ok = parseTime(s + "Z"); !ok {
					x.addFault("/"+el.String()+"/@creationDate", CodeFormat, quote(a.value)+" is not a date and time")
				}
			}
			x.doc.CreationDate = Time{Instant: at, Text: s}
		}
	}
	for _, name := range []string{"schemaVersion", "creationDate"} {
		// Published query documents leave them out, as those in JSON may.
		if el.attr("", name) == nil && x.doc.Type == "EPCISDocument" {
			x.addFault("/"+el.String()+"/@"+name, CodeRequired, name+" is required")
		}
	}
	return nil
}

// bareEvent reads a document that is one event. Its attributes say nothing of it.
func (x *xmlReader) bareEvent(el *xmlElement) error {
	x.rootUsed(el)
	x.doc.Context = x.rootContext()
	if err := x.event(el); err != nil {
		return err
	}
	return x.end()
}

// other keeps an element that the standard does not know here. One without a
// namespace is a fault.
func (x *xmlReader) other(place Place, el *xmlElement) error {
	if el.space == "" {
		x.addFault(strings.TrimSuffix(x.path(), "/")+"/"+el.String(), CodeUnknownField, quote(el.local)+" is not an element of the standard here")
		return x.pass(el)
	}
	return x.keep(place, el)
}

func (x *xmlReader) body(el *xmlElement) error {
	found := false
	err := x.children(el, func(kid *xmlElement) error {
		switch {
		case kid.space == "" && kid.local == "EventList" && x.doc.Type == "EPCISDocument":
			found = true
			return x.eventList(kid)
		case kid.space == "" && kid.local == "QueryResults" && x.doc.Type == "EPCISQueryDocument":
			found = true
			return x.queryResults(kid)
		}
		return x.other(InBody, kid)
	})
	if err == nil && !found {
		want := "EventList"
		if x.doc.Type == "EPCISQueryDocument" {
			want = "QueryResults"
		}
		x.addFault("/"+x.open[0].String()+"/EPCISBody/"+want, CodeRequired, want+" is required")
	}
	return err
}

func (x *xmlReader) queryResults(el *xmlElement) error {
	return x.children(el, func(kid *xmlElement) error {
		switch {
		case kid.space == "" && isQueryResult(kid.local):
			return x.queryResult(kid)
		case kid.space == "" && kid.local == "extension":
			return x.pass(kid)
		}
		return x.other(InQueryResults, kid)
	})
}

func isQueryResult(local string) bool {
	return local == "queryName" || local == "subscriptionID" || local == "resultsBody"
}

// queryResult reads one member of QueryResults.
func (x *xmlReader) queryResult(el *xmlElement) error {
	if el.local == "resultsBody" {
		return x.children(el, func(list *xmlElement) error {
			switch {
			case list.space == "" && list.local == "EventList":
				return x.eventList(list)
			case list.space == "" && list.local == "VocabularyList":
				return x.vocabularyList(list)
			}
			return x.other(InResultsBody, list)
		})
	}
	over, err := x.whole(el, 10, 0)
	if err != nil {
		return err
	}
	if over != nil {
		x.addFault(x.path()+"/"+el.local, over.Code, over.Message)
	}
	if el.local == "queryName" {
		x.doc.QueryName = el.trimmed()
	} else {
		x.doc.SubscriptionID = el.trimmed()
	}
	return nil
}

// eventList reads the events; version 1.2 wraps the newer types in extensions.
func (x *xmlReader) eventList(el *xmlElement) error {
	return x.children(el, func(kid *xmlElement) error {
		if kid.space == "" && kid.local == "extension" {
			return x.eventList(kid)
		}
		return x.event(kid)
	})
}

func (x *xmlReader) event(el *xmlElement) error {
	if x.index >= x.lim.MaxEvents {
		return fatal(x.path(), CodeTooManyEvents, "more than "+strconv.Itoa(x.lim.MaxEvents)+" events")
	}
	path := "/" + el.String()
	if len(x.open) > 0 {
		path = x.path() + path
		x.counts[path]++
		path += "[" + strconv.Itoa(x.counts[path]) + "]"
	}
	s := Source{Index: x.index, Path: path}
	if x.index == 0 {
		s.head = x.doc.Warnings()
	}
	x.index++
	over, err := x.whole(el, x.lim.MaxNodes, int64(x.lim.MaxEventBytes))
	if err != nil {
		return err
	}
	c := xmlConverter{x: x, t: &tree{origin: []xmlOrigin{}}, base: path}
	if over != nil {
		over.Path = path
		s.Context = []byte(`"` + DefaultContext + `"`)
		s.Err = Faults{*over}
	} else if err := c.convert(el); err != nil {
		s.Context = []byte(`"` + DefaultContext + `"`)
		s.Err = err
	} else {
		ctx := c.context(append(c.ignoredNames(), c.ignoredHere(el)...))
		// Neighbours mostly share their context: keep one copy.
		if x.ctx != nil && string(x.ctx.raw) == string(ctx.raw) {
			ctx = x.ctx
		}
		x.ctx = ctx
		d := decoder{t: c.t, ctx: ctx, lim: x.lim, base: path, faults: c.faults}
		s.Event = d.event(0, false)
		s.Err = d.err()
		s.Raw = c.t.appendJSON(nil, 0)
		s.Context = ctx.raw
	}
	if !x.emit(s) {
		return errStopped
	}
	return nil
}
