package epcis

import (
	"slices"
	"strconv"
	"strings"
)

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

func (el *xmlElement) attr(space, local string) *xmlAttr {
	for i := range el.attrs {
		if el.attrs[i].space == space && el.attrs[i].local == local {
			return &el.attrs[i]
		}
	}
	return nil
}
