package epcis

import (
	"bufio"
	"encoding/xml"
	"errors"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
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

// xmlName is a name with its namespace resolved. Names of the standard have no space.
type xmlName struct{ prefix, local, space string }

func (n xmlName) String() string {
	if n.prefix == "" {
		return n.local
	}
	return n.prefix + ":" + n.local
}

type xmlAttr struct {
	xmlName
	value string
}

type xmlBinding struct{ prefix, space string }

// xmlElement is an element of one event or header.
type xmlElement struct {
	xmlName
	// written is the prefix of its tags, which must be the same.
	written  string
	parent   *xmlElement
	attrs    []xmlAttr
	bindings []xmlBinding
	kids     []*xmlElement
	text     []byte
	// marks are the processing instructions of this package's own writer.
	marks []string
	// at counts the extension wrappers of one parent from 1.
	at int
}

// xmlOrigin says where a value stood in an XML document.
type xmlOrigin struct {
	el   *xmlElement
	attr string
}

// path gives the XPath below base, which is that of the outermost element.
func (o xmlOrigin) path(base string) string {
	var up []string
	for el := o.el; el != nil && el.parent != nil; el = el.parent {
		s := "/" + el.String()
		same, at := 0, 0
		for _, k := range el.parent.kids {
			if k.xmlName == el.xmlName {
				same++
			}
			if k == el {
				at = same
			}
		}
		if same > 1 {
			s += "[" + strconv.Itoa(at) + "]"
		}
		up = append(up, s)
	}
	var b strings.Builder
	b.WriteString(base)
	for _, u := range slices.Backward(up) {
		b.WriteString(u)
	}
	if o.attr != "" {
		b.WriteString("/@" + o.attr)
	}
	return b.String()
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

// latin1 gives UTF-8 for text in ISO 8859-1, whose bytes are the first code points.
type latin1 struct {
	in   io.ByteReader
	rest []byte
}

func (l *latin1) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		if len(l.rest) == 0 {
			c, err := l.in.ReadByte()
			if err != nil {
				if n > 0 && errors.Is(err, io.EOF) {
					return n, nil
				}
				return n, err //nolint:wrapcheck // io.EOF must stay as it is
			}
			l.rest = utf8.AppendRune(l.rest, rune(c))
		}
		k := copy(p[n:], l.rest)
		n, l.rest = n+k, l.rest[k:]
	}
	return n, nil
}

// limitedReader fails once the document is longer than the limit.
type limitedReader struct {
	r           io.Reader
	left, limit int64
}

func (l *limitedReader) Read(p []byte) (int, error) {
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.r.Read(p)
	l.left -= int64(n)
	if l.left < 0 {
		return 0, Faults{{Path: "/", Code: CodeTooLarge, Message: "document of more than " + strconv.FormatInt(l.limit, 10) + " bytes"}}
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = readFault(err)
	}
	return n, err //nolint:wrapcheck // io.EOF must stay as it is
}

// token gives the next start, end or text; comments and instructions are passed over.
func (x *xmlReader) token() (xml.Token, error) {
	for {
		tok, err := x.dec.RawToken()
		if err != nil {
			return nil, x.syntax(err)
		}
		switch tok := tok.(type) {
		case xml.Comment:
		case xml.ProcInst:
			x.mark(tok)
		case xml.Directive:
			return nil, fatal("/", CodeNotXML, "document type declarations are not read")
		default:
			return tok, nil
		}
	}
}

// mark keeps a processing instruction that says what XML cannot, see markTarget.
func (x *xmlReader) mark(tok xml.ProcInst) {
	if tok.Target != markTarget {
		return
	}
	if el := x.current; el != nil {
		if len(el.marks) < maxMarks && len(tok.Inst) <= x.lim.MaxString {
			el.marks = append(el.marks, strings.TrimSpace(string(tok.Inst)))
		}
		return
	}
	if after, found := strings.CutPrefix(string(tok.Inst), markContext+" "); found && len(x.open) == 1 && x.context == "" {
		x.context = after
	}
}

func (x *xmlReader) syntax(err error) error {
	var fs Faults
	var re *readError
	switch {
	case errors.As(err, &re):
		return err
	case errors.As(err, &fs):
		return fs
	case errors.Is(err, io.EOF):
		return fatal("/", CodeNotXML, "the text ends early")
	}
	if se, ok := errors.AsType[*xml.SyntaxError](err); ok {
		return fatal("/", CodeNotXML, se.Msg+" on line "+strconv.Itoa(se.Line))
	}
	return fatal("/", CodeNotXML, err.Error())
}

// start makes an element from a start tag.
func (x *xmlReader) start(tok xml.StartElement, parent *xmlElement) (*xmlElement, error) {
	el := &xmlElement{parent: parent, written: tok.Name.Space}
	for _, a := range tok.Attr {
		switch {
		case a.Name.Space == "xmlns":
			el.bindings = append(el.bindings, xmlBinding{a.Name.Local, a.Value})
		case a.Name.Space == "" && a.Name.Local == "xmlns":
			el.bindings = append(el.bindings, xmlBinding{"", a.Value})
		}
	}
	if len(el.bindings) > maxDocumentMembers {
		return nil, fatal("/", CodeTooManyFields, "more than "+strconv.Itoa(maxDocumentMembers)+" namespaces")
	}
	var err error
	if el.xmlName, err = x.resolve(el, tok.Name, true); err != nil {
		return nil, err
	}
	for _, a := range tok.Attr {
		if a.Name.Space == "xmlns" || a.Name.Space == "" && a.Name.Local == "xmlns" {
			continue
		}
		name, err := x.resolve(el, a.Name, false)
		if err != nil {
			return nil, err
		}
		for _, o := range el.attrs {
			if o.space == name.space && o.local == name.local {
				return nil, fatal("/", CodeNotXML, "attribute "+name.String()+" stands twice")
			}
		}
		if len(el.attrs) >= maxDocumentMembers {
			return nil, fatal("/", CodeTooManyFields, "more than "+strconv.Itoa(maxDocumentMembers)+" attributes")
		}
		el.attrs = append(el.attrs, xmlAttr{name, a.Value})
	}
	return el, nil
}

func (x *xmlReader) resolve(el *xmlElement, n xml.Name, element bool) (xmlName, error) {
	name := xmlName{prefix: n.Space, local: n.Local}
	switch {
	case n.Space == "xml":
		name.space = "http://www.w3.org/XML/1998/namespace"
	case n.Space != "" || element:
		space, ok := x.lookup(el, n.Space)
		if !ok && n.Space != "" {
			return name, fatal("/", CodeNotXML, "prefix "+quote(n.Space)+" is not declared")
		}
		name.space = space
	}
	if epcisNamespace(name.space) {
		name.prefix, name.space = "", ""
	}
	return name, nil
}

// lookup finds what a prefix stands for at an element that is not open yet.
func (x *xmlReader) lookup(el *xmlElement, prefix string) (string, bool) {
	for e := el; e != nil; e = e.parent {
		for _, v := range slices.Backward(e.bindings) {
			if v.prefix == prefix {
				return v.space, true
			}
		}
	}
	for _, v := range slices.Backward(x.open) {
		for _, b := range v.bindings {
			if b.prefix == prefix {
				return b.space, true
			}
		}
	}
	return "", false
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

func (el *xmlElement) attr(space, local string) *xmlAttr {
	for i := range el.attrs {
		if el.attrs[i].space == space && el.attrs[i].local == local {
			return &el.attrs[i]
		}
	}
	return nil
}

// children calls f at each child element of el, whose start tag has been read,
// until its end tag. f must read the child up to its end tag.
func (x *xmlReader) children(el *xmlElement, f func(*xmlElement) error) error {
	x.open = append(x.open, el)
	defer func() { x.open = x.open[:len(x.open)-1] }()
	if len(x.open) > x.lim.MaxDepth {
		return fatal(x.path(), CodeTooDeep, "more than "+strconv.Itoa(x.lim.MaxDepth)+" levels")
	}
	extensions := 0
	for {
		tok, err := x.token()
		if err != nil {
			return err
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			kid, err := x.start(tok, nil)
			if err != nil {
				return err
			}
			if kid.space == "" && kid.local == "extension" {
				extensions++
				kid.at = extensions
			}
			if err := f(kid); err != nil {
				return err
			}
		case xml.EndElement:
			return x.closes(el, tok)
		case xml.CharData:
			if strings.TrimSpace(string(tok)) != "" {
				x.addFault(x.path(), CodeType, "text stands where only elements may")
			}
		}
	}
}

// closes checks that an end tag is that of el.
func (x *xmlReader) closes(el *xmlElement, tok xml.EndElement) error {
	if tok.Name.Space != el.written || tok.Name.Local != el.local {
		return fatal("/", CodeNotXML, "end tag of "+xmlName{prefix: tok.Name.Space, local: tok.Name.Local}.String()+
			" where that of "+xmlName{prefix: el.written, local: el.local}.String()+" is due")
	}
	return nil
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

func (x *xmlReader) pass(el *xmlElement) error {
	open := []*xmlElement{el}
	for len(open) > 0 {
		tok, err := x.token()
		if err != nil {
			return err
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			kid, err := x.start(tok, open[len(open)-1])
			if err != nil {
				return err
			}
			if open = append(open, kid); len(open) > x.lim.MaxDepth {
				return fatal(x.path(), CodeTooDeep, "more than "+strconv.Itoa(x.lim.MaxDepth)+" levels")
			}
		case xml.EndElement:
			if err := x.closes(open[len(open)-1], tok); err != nil {
				return err
			}
			open = open[:len(open)-1]
		}
	}
	return nil
}

// whole reads el with all its content. It gives a fault of its own when the
// element goes beyond a limit, and then has passed over the rest of it.
func (x *xmlReader) whole(el *xmlElement, maxNodes int, maxBytes int64) (*Fault, error) {
	from := x.dec.InputOffset()
	open := []*xmlElement{el}
	var over *Fault
	defer func() { x.current = nil }()
	for nodes := 1; len(open) > 0; {
		x.current = open[len(open)-1]
		tok, err := x.token()
		if err != nil {
			return nil, err
		}
		cur := open[len(open)-1]
		switch {
		case over != nil:
		case nodes > maxNodes:
			over = &Fault{Code: CodeTooManyFields, Message: "more than " + strconv.Itoa(maxNodes) + " values"}
		case maxBytes > 0 && x.dec.InputOffset()-from > maxBytes:
			over = &Fault{Code: CodeTooLarge, Message: "event of more than " + strconv.FormatInt(maxBytes, 10) + " bytes"}
		case len(open) > x.lim.MaxDepth:
			over = &Fault{Code: CodeTooDeep, Message: "more than " + strconv.Itoa(x.lim.MaxDepth) + " levels"}
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			kid, err := x.start(tok, cur)
			if err != nil {
				return nil, err
			}
			nodes += 1 + len(kid.attrs)
			if over == nil {
				cur.kids = append(cur.kids, kid)
			}
			if open = append(open, kid); len(open) > 100*x.lim.MaxDepth {
				return nil, fatal(x.path(), CodeTooDeep, "more than "+strconv.Itoa(x.lim.MaxDepth)+" levels")
			}
		case xml.EndElement:
			if err := x.closes(cur, tok); err != nil {
				return nil, err
			}
			open = open[:len(open)-1]
		case xml.CharData:
			if over == nil {
				if len(cur.text)+len(tok) > x.lim.MaxString {
					over = &Fault{Code: CodeTooLong, Message: "text of more than " + strconv.Itoa(x.lim.MaxString) + " bytes"}
					break
				}
				cur.text = append(cur.text, tok...)
			}
		}
	}
	return over, nil
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

// xmlTime writes a time of XML Schema as RFC 3339: seconds that are left out are
// put in.
func xmlTime(s string) string {
	s = strings.TrimSpace(s)
	if len(s) > 16 && s[13] == ':' && s[16] != ':' {
		return s[:16] + ":00" + s[16:]
	}
	return s
}

// xmlNumber writes a decimal of XML Schema as a JSON number.
func xmlNumber(s string) (string, bool) {
	s = strings.TrimSpace(s)
	sign := ""
	if s != "" && (s[0] == '+' || s[0] == '-') {
		if s[0] == '-' {
			sign = "-"
		}
		s = s[1:]
	}
	mantissa, exponent := s, ""
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		mantissa, exponent = s[:i], s[i:]
		if digits := strings.TrimLeft(exponent[1:], "+-"); digits == "" || !isDigits(digits) || len(exponent)-len(digits) > 2 {
			return "", false
		}
	}
	whole, fraction, point := strings.Cut(mantissa, ".")
	if !isDigits(whole) || !isDigits(fraction) || whole == "" && fraction == "" {
		return "", false
	}
	for len(whole) > 1 && whole[0] == '0' {
		whole = whole[1:]
	}
	if whole == "" {
		whole = "0"
	}
	out := sign + whole
	if point && fraction != "" {
		out += "." + fraction
	}
	out += exponent
	return out, len(out) < 300 && exponent == "" || numberInRange(out)
}
