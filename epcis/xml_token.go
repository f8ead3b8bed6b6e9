package epcis

import (
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
)

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
