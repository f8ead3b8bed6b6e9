package epcis

import (
	"errors"
	"slices"
	"strconv"
	"strings"
)

// errStopped tells that whoever ranges over the events has had enough.
var errStopped = errors.New("epcis: stopped")

// docReader walks a JSON document.
type docReader struct {
	in   *reader
	doc  *Document
	emit func(Source) bool

	ctx     *Context
	tree    tree
	seen    map[string]bool
	ignored []string
	faults  Faults
	// body is the shape of epcisBody: eventList or queryResults; empty if unseen.
	body string
	// strange are members of the body that only an EPCISDocument may have.
	strange []string
	// pending holds events that stand before the @context.
	pending []pendingEvent
	index   int
	// others are members that wait for the @context.
	others []rawMember
	// headOnly passes over the events.
	headOnly bool
}

type pendingEvent struct {
	text   string
	offset int64
	large  bool
}

func (d *docReader) run() error {
	err := d.document()
	if errors.Is(err, errStopped) {
		return nil
	}
	return err
}

func fatal(path, code, message string) error {
	return Faults{{Path: path, Code: code, Message: message}}
}

func (d *docReader) document() error {
	d.in.skipBOM()
	if f := wideEncoding(d.in.buf, "$"); f != nil {
		return Faults{*f}
	}
	c, err := d.in.next()
	if err != nil {
		return err
	}
	switch c {
	case '[':
		if d.ctx, err = ParseContext(nil); err != nil {
			return err
		}
		if err := d.list("$", true); err != nil {
			return err
		}
		return d.in.end()
	case '{':
		return d.object()
	}
	return d.in.syntax("a document starts with { or [")
}

// object reads a document or a bare event.
func (d *docReader) object() error {
	start := d.in.offset()
	d.in.hold(start)
	d.seen = make(map[string]bool, 12)
	err := d.in.members(func(name string) error {
		if d.seen[name] && !mayRepeat(name, 1) {
			return fatal(string(appendPathMember([]byte("$"), name)), CodeDuplicateMember, "member "+quote(name)+" stands twice in one object")
		}
		d.seen[name] = true
		if len(d.seen) > maxDocumentMembers {
			return fatal("$", CodeTooManyFields, "more than "+strconv.Itoa(maxDocumentMembers)+" members")
		}
		if name == "epcisBody" {
			d.in.release()
			if len(d.faults) > 0 {
				return d.faults
			}
			return d.epcisBody()
		}
		return d.member(name)
	})
	if err != nil {
		return err
	}
	if d.body == "" && !d.seen["epcisBody"] && !isDocumentType(d.doc.Type) {
		if !d.seen["type"] {
			return fatal("$", CodeSchema, "neither an EPCIS document nor an event: type is missing")
		}
		return d.bareEvent(start)
	}
	if err := d.in.end(); err != nil {
		return err
	}
	return d.finish()
}

// maxDocumentMembers bounds the members beside epcisBody.
const maxDocumentMembers = 1000

func isDocumentType(t string) bool { return t == "EPCISDocument" || t == "EPCISQueryDocument" }

func (d *docReader) bareEvent(start int64) error {
	text := string(d.in.slice(start, d.in.offset()))
	d.in.release()
	if err := d.in.end(); err != nil {
		return err
	}
	d.doc.Type = ""
	var err error
	if d.ctx, err = ParseContext(nil); err != nil {
		return err
	}
	if len(text) > d.in.lim.MaxEventBytes {
		return Faults{tooLargeEvent("$", d.in.lim)}
	}
	return d.event(text, start, "$", false, true)
}

// member reads a member of the document other than its body.
func (d *docReader) member(name string) error {
	path := string(appendPathMember([]byte("$"), name))
	from, to, err := d.in.value(0)
	if err != nil {
		return err
	}
	text := string(d.in.slice(from, to))
	if d.seen["epcisBody"] {
		d.in.release()
	}
	lim := d.in.lim
	if name == "epcisHeader" {
		lim.MaxNodes *= 16
	}
	t := tree{offset: from}
	root, fault, broken := parseJSON(text, lim, &t)
	if fault != nil {
		if broken {
			return Faults{*fault}
		}
		fault.Path = path + strings.TrimPrefix(fault.Path, "$")
		d.faults = append(d.faults, *fault)
		return nil
	}
	v := decoder{t: &t, lim: lim, base: path}
	switch name {
	case "@context":
		if d.ctx, err = ParseContext([]byte(text)); err != nil {
			if fs, ok := errors.AsType[Faults](err); ok {
				d.faults = append(d.faults, fs...)
			}
			return nil
		}
		d.doc.Context = d.ctx.raw
	case "type":
		d.doc.Type = v.str(root)
	case "id":
		d.doc.ID = v.uri(root)
	case "schemaVersion":
		if d.doc.SchemaVersion = v.str(root); v.err() == nil && !isVersion(d.doc.SchemaVersion) {
			v.fault(root, CodeFormat, quote(d.doc.SchemaVersion)+" is not a version such as 2.0")
		}
	case "creationDate":
		d.doc.CreationDate = v.time(root)
	case "instanceIdentifier":
		d.doc.InstanceIdentifier = v.str(root)
	case "sender":
		d.doc.Sender = v.str(root)
	case "receiver":
		d.doc.Receiver = v.str(root)
	case "epcisHeader":
		v.header(root)
		d.doc.Header = compact(nil, text)
	default:
		d.ignoreFields(name, &v, root)
		d.keep(InDocument, name, text)
	}
	d.faults = append(d.faults, v.faults...)
	return nil
}

// ignoreFields notes the names that a member such as repository:ignoreFields lists;
// other members it leaves alone.
func (d *docReader) ignoreFields(name string, v *decoder, root int32) {
	if !strings.HasSuffix(name, ":"+ignoreFields) || v.t.nodes[root].kind != KindArray {
		return
	}
	if d.index > 0 {
		v.fault(root, CodeSchema, "ignoreFields must stand before the events")
	}
	for c := v.t.nodes[root].first; c != none; c = v.t.nodes[c].next {
		if v.t.nodes[c].kind == KindString && len(d.ignored) < maxDocumentMembers {
			d.ignored = append(d.ignored, v.t.nodes[c].text)
		}
	}
}

// epcisBody reads the body of a document or query document.
func (d *docReader) epcisBody() error {
	_, err := d.part("$.epcisBody", "epcisBody", func(path, name string, seen map[string]bool) error {
		if seen["eventList"] && seen["queryResults"] {
			return d.wrongBody("$.epcisBody", "epcisBody holds both eventList and queryResults")
		}
		switch {
		case name == "eventList" && d.doc.Type != "EPCISQueryDocument":
			d.body = name
			return d.eventList("$.epcisBody.eventList")
		case name == "queryResults" && d.doc.Type != "EPCISDocument":
			d.body = name
			return d.queryResults()
		}
		if !isURI(name) {
			d.strange = append(d.strange, name)
		}
		return d.other(InBody, path, name)
	})
	return err
}

// part reads an object of the body member by member, each of which may stand once, and gives the names that it has.
func (d *docReader) part(path, what string, member func(at, name string, seen map[string]bool) error) (map[string]bool, error) {
	c, err := d.in.next()
	if err != nil {
		return nil, err
	}
	if c != '{' {
		return nil, d.wrongBody(path, what+" is an object")
	}
	seen := make(map[string]bool, 4)
	return seen, d.in.members(func(name string) error {
		at := string(appendPathMember([]byte(path), name))
		if err := once(seen, at, name); err != nil {
			return err
		}
		return member(at, name, seen)
	})
}

func once(seen map[string]bool, path, name string) error {
	if seen[name] {
		return fatal(path, CodeDuplicateMember, "member "+quote(name)+" stands twice in one object")
	}
	seen[name] = true
	if len(seen) > maxDocumentMembers {
		return fatal(path, CodeTooManyFields, "more than "+strconv.Itoa(maxDocumentMembers)+" members")
	}
	return nil
}

func (d *docReader) addFault(path, code, message string) {
	if len(d.faults) < d.in.lim.MaxFaults {
		d.faults = append(d.faults, Fault{Path: path, Code: code, Message: message})
	}
}

// wrongBody reports a body of the wrong shape; nothing in it can be read.
func (d *docReader) wrongBody(path, message string) error {
	return append(d.faults, Fault{Path: path, Code: CodeSchema, Message: message})
}

// other reads a member of name that the standard does not know here; its value
// must be JSON all the same.
func (d *docReader) other(place Place, path, name string) error {
	root, err := d.read(path)
	if err != nil || root == none {
		return err
	}
	v := decoder{t: &d.tree, lim: d.in.lim, base: path}
	d.ignoreFields(name, &v, root)
	d.keep(place, name, string(d.tree.appendJSON(nil, root)))
	d.faults = append(d.faults, v.faults...)
	return nil
}

// read reads a small value into the tree and gives its root; none with a fault noted.
func (d *docReader) read(path string) (int32, error) {
	from, to, err := d.in.value(0)
	if err != nil {
		return none, err
	}
	text := string(d.in.slice(from, to))
	d.in.release()
	d.tree.nodes, d.tree.offset = d.tree.nodes[:0], from
	root, fault, broken := parseJSON(text, d.in.lim, &d.tree)
	if fault == nil {
		return root, nil
	}
	if broken {
		return none, Faults{*fault}
	}
	fault.Path = path + strings.TrimPrefix(fault.Path, "$")
	d.faults = append(d.faults, *fault)
	return none, nil
}

func (d *docReader) queryResults() error {
	const path = "$.epcisBody.queryResults"
	seen, err := d.part(path, "queryResults", func(at, name string, _ map[string]bool) error {
		switch name {
		case "resultsBody":
			return d.resultsBody(at)
		case "queryName", "subscriptionID":
			root, failed := d.read(at)
			if failed != nil || root == none {
				return failed
			}
			v := decoder{t: &d.tree, lim: d.in.lim, base: at}
			text := v.str(root)
			d.faults = append(d.faults, v.faults...)
			if name == "queryName" {
				d.doc.QueryName = text
			} else {
				d.doc.SubscriptionID = text
			}
			return nil
		}
		if !isURI(name) {
			d.addFault(at, CodeUnknownField, quote(name)+" is not a field of the standard here and not an extension")
		}
		return d.other(InQueryResults, at, name)
	})
	if err != nil {
		return err
	}
	for _, name := range []string{"queryName", "resultsBody"} {
		if !seen[name] {
			d.addFault(path+"."+name, CodeRequired, name+" is required")
		}
	}
	return nil
}

func (d *docReader) resultsBody(path string) error {
	seen, err := d.part(path, "resultsBody", func(at, name string, _ map[string]bool) error {
		switch name {
		case "eventList":
			return d.eventList(at)
		case "vocabularyList":
			root, failed := d.read(at)
			if failed != nil || root == none {
				return failed
			}
			v := decoder{t: &d.tree, lim: d.in.lim, base: at}
			v.vocabularyList(root)
			d.faults = append(d.faults, v.faults...)
			d.doc.Vocabulary = d.tree.appendJSON(nil, root)
			return nil
		}
		if !isURI(name) {
			d.addFault(at, CodeUnknownField, quote(name)+" is not a field of the standard here and not an extension")
		}
		return d.other(InResultsBody, at, name)
	})
	if err == nil && !seen["eventList"] {
		d.addFault(path+".eventList", CodeRequired, "eventList is required")
	}
	return err
}

func (d *docReader) eventList(path string) error {
	c, err := d.in.next()
	if err != nil {
		return err
	}
	if c != '[' {
		return d.wrongBody(path, "eventList is an array")
	}
	d.resolve()
	if d.ctx != nil {
		d.ctx = d.ctx.withIgnored(d.ignored)
	}
	return d.list(path, false)
}

// list reads an array of events.
func (d *docReader) list(path string, needContext bool) error {
	n := 0
	return d.in.elements(func() error {
		if n >= d.in.lim.MaxEvents {
			return fatal(path, CodeTooManyEvents, "more than "+strconv.Itoa(d.in.lim.MaxEvents)+" events")
		}
		from, to, err := d.in.value(d.in.lim.MaxEventBytes)
		if err != nil {
			return err
		}
		if d.headOnly {
			d.in.release()
			n++
			return nil
		}
		large := to-from > int64(d.in.lim.MaxEventBytes)
		text := ""
		if !large {
			text = string(d.in.slice(from, to))
		}
		d.in.release()
		n++
		if d.ctx == nil {
			d.pending = append(d.pending, pendingEvent{text, from, large})
			return nil
		}
		return d.event(text, from, elementPath(path, n-1), large, needContext)
	})
}

func elementPath(path string, i int) string {
	b := make([]byte, 0, len(path)+8)
	b = append(append(b, path...), '[')
	b = strconv.AppendInt(b, int64(i), 10)
	return string(append(b, ']'))
}

func (d *docReader) event(text string, offset int64, path string, large, needContext bool) error {
	s := Source{Index: d.index, Path: path, Context: d.ctx.raw}
	if d.index == 0 {
		s.head = d.doc.Warnings()
	}
	d.index++
	if large {
		s.Err = Faults{tooLargeEvent(path, d.in.lim)}
	} else {
		d.tree.nodes, d.tree.offset = d.tree.nodes[:0], offset
		root, fault, broken := parseJSON(text, d.in.lim, &d.tree)
		switch {
		case broken:
			fault.Path = path
			return Faults{*fault}
		case fault != nil:
			fault.Path = path + strings.TrimPrefix(fault.Path, "$")
			s.Raw, s.Err = []byte(text), Faults{*fault}
		default:
			v := decoder{t: &d.tree, ctx: d.ctx, lim: d.in.lim, base: path}
			s.Event = v.event(root, needContext)
			s.Err = v.err()
			s.Raw = compact(make([]byte, 0, len(text)), text)
		}
	}
	if !d.emit(s) {
		return errStopped
	}
	return nil
}

// finish checks the document as a whole and then gives out the events that had
// to wait for the @context.
func (d *docReader) finish() error {
	require := func(name string) {
		if !d.seen[name] {
			d.addFault(string(appendPathMember([]byte("$"), name)), CodeRequired, name+" is required")
		}
	}
	require("@context")
	switch d.doc.Type {
	case "EPCISDocument":
		require("schemaVersion")
		require("creationDate")
		if d.seen["epcisBody"] && d.body != "eventList" {
			d.addFault("$.epcisBody.eventList", CodeRequired, "eventList is required")
		}
	case "EPCISQueryDocument":
		if d.seen["epcisBody"] && d.body != "queryResults" {
			d.addFault("$.epcisBody.queryResults", CodeRequired, "queryResults is required")
		}
		for _, name := range d.strange {
			d.addFault(string(appendPathMember([]byte("$.epcisBody"), name)), CodeUnknownField,
				quote(name)+" is not a field of the standard here and not an extension")
		}
	default:
		if d.seen["type"] {
			d.addFault("$.type", CodeSchema, quote(d.doc.Type)+" is neither EPCISDocument nor EPCISQueryDocument")
		}
	}
	require("type")
	require("epcisBody")
	d.documentMembers()
	if len(d.faults) > 0 {
		return d.faults
	}
	d.resolve()
	if d.pending == nil {
		return nil
	}
	d.ctx = d.ctx.withIgnored(d.ignored)
	path := "$.epcisBody.eventList"
	if d.body == "queryResults" {
		path = "$.epcisBody.queryResults.resultsBody.eventList"
	}
	for i, p := range d.pending {
		if err := d.event(p.text, p.offset, elementPath(path, i), p.large, false); err != nil {
			return err
		}
	}
	return nil
}

// documentMembers reports members that neither the standard nor a URI names, in
// the order of their names, since that of the document is not kept.
func (d *docReader) documentMembers() {
	var unknown []string
	for name := range d.seen {
		switch name {
		case "@context", "id", "type", "schemaVersion", "creationDate", "epcisBody":
			continue
		case "instanceIdentifier", "sender", "receiver", "epcisHeader":
			if d.doc.Type != "EPCISQueryDocument" {
				continue
			}
		}
		if !isURI(name) {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	for _, name := range unknown {
		d.addFault(string(appendPathMember([]byte("$"), name)), CodeUnknownField,
			quote(name)+" is not a field of the standard here and not an extension")
	}
}
