package epcis

import (
	"slices"
	"strconv"
	"strings"
)

const xmlNamespace = "http://www.w3.org/XML/1998/namespace"

func (w *xmlWriter) lookup(prefix string) (string, bool) {
	for _, b := range slices.Backward(w.scope) {
		if b.prefix == prefix {
			return b.space, true
		}
	}
	return "", false
}

// prefixOf gives a prefix that stands for a namespace here.
func (w *xmlWriter) prefixOf(space string) (string, bool) {
	for _, b := range w.scope {
		if s, _ := w.lookup(b.prefix); b.space == space && s == space {
			return b.prefix, true
		}
	}
	return "", false
}

// usablePrefix tells prefixes that mean in XML what they mean in JSON-LD.
func usablePrefix(p string) bool {
	switch p {
	case "urn", "http", "https":
		return false
	}
	return isNCName(p) && (len(p) < 3 || !strings.EqualFold(p[:3], "xml"))
}

// usableSpace tells namespaces that names of somebody else's can have.
func usableSpace(s string) bool {
	_, bad := badXMLChar(s)
	return s != "" && !bad && s != xmlNamespace && s != "http://www.w3.org/2000/xmlns/" && !epcisNamespace(s)
}

// curie gives the prefix of an extension's name; false if it has none of use.
func curie(x *Extension) (string, bool) {
	prefix, local, found := strings.Cut(x.Name, ":")
	ok := found && local == x.Local && x.Name != x.Namespace+x.Local && usablePrefix(prefix)
	return prefix, ok
}

func (w *xmlWriter) fresh() string {
	for i := 1; ; i++ {
		prefix := "ns" + strconv.Itoa(i)
		_, taken := w.lookup(prefix)
		_, declared := w.ctx.declared(prefix)
		if !taken && !declared {
			return prefix
		}
	}
}

// contextMember declares prefixes inside an extension; the names in it are resolved,
// and XML declares the prefixes its own way.
const contextMember = "@context"

// xmlTag is a name ready to be written: what it declares and the marks it needs.
type xmlTag struct {
	name    string
	declare *xmlBinding
	marks   []string
}

// tag gives the tag of an extension. standard tells that a name without a namespace
// would be one of the standard's here, and must not look like it.
func (w *xmlWriter) tag(x *Extension, standard bool) (xmlTag, bool) {
	var t xmlTag
	local := x.Local
	bare := x.Namespace == ""
	if bare && x.Name != x.Local {
		w.fault("the prefix of " + quote(x.Name) + " stands for nothing, which XML cannot say")
		return t, false
	}
	if force := bare && standard; force || !isNCName(local) {
		local = encodeName(local, force)
		t.marks = append(t.marks, markName)
	}
	if bare {
		t.name = local
		return t, true
	}
	if x.Namespace == xmlNamespace {
		t.name = "xml:" + local
		return t, true
	}
	if !usableSpace(x.Namespace) {
		w.fault("a name of somebody else's cannot be in the namespace " + quote(x.Namespace))
		return t, false
	}
	prefix, ok := curie(x)
	if !ok {
		// A URI is read back as it was; any other name gets a prefix of its own, lest it
		// meet a neighbour of the same namespace.
		uri := x.Name == x.Namespace+x.Local && isURI(x.Name)
		if uri {
			t.marks = append(t.marks, markURI)
		}
		if prefix, ok = w.prefixOf(x.Namespace); !ok || !uri && x.Name != "" {
			prefix = w.fresh()
		}
	}
	if space, found := w.lookup(prefix); !found || space != x.Namespace {
		t.declare = &xmlBinding{prefix, x.Namespace}
	}
	t.name = prefix + ":" + local
	return t, true
}
