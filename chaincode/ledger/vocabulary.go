package ledger

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/epcis"
)

// Limits of the vocabulary elements of EPCIS master data.
const (
	MaxBatchElements     = 1_000
	MaxElementBytes      = 64 << 10 // one statement
	MaxElementAttributes = 1_000
	MaxElementChildren   = 2_000
)

// Element is a statement about one element of a vocabulary of EPCIS master data, read from its text.
type Element struct {
	Type       string // the vocabulary's, such as urn:epcglobal:epcis:vtype:Location
	ID         string // canonical
	Attributes []ElementAttribute
	Children   []string // canonical
	// StatedAt is when the document that says it was made, 0 if it does not tell.
	StatedAt Millis
	// Content names what is said: the same in every spelling of it.
	Content Digest
	Body    Digest // of the exact text
}

// ElementAttribute is a value of an attribute. An attribute with several has one after the other.
type ElementAttribute struct {
	Namespace string // ends in none of '#', '/' and ':'
	Local     string
	Value     string // text, or else compact JSON
	JSON      bool
}

// ElementRecord is what the ledger keeps of a statement; its text lies in the pack of its transaction.
type ElementRecord struct {
	MSPID    string `cbor:"1,keyasint"` // who says it
	Type     string `cbor:"2,keyasint"`
	ID       string `cbor:"3,keyasint"`
	StatedAt Millis `cbor:"4,keyasint"`
	Content  Digest `cbor:"5,keyasint"`
	Body     Digest `cbor:"6,keyasint"`
	SetAt    Millis `cbor:"7,keyasint"`
	TxID     string `cbor:"8,keyasint"`
	Index    int    `cbor:"9,keyasint"` // position in the pack
}

// The vocabulary types and attribute names of the standards have several spellings; these stand for them.
const (
	vocabularyTypes = "urn:epcglobal:epcis:vtype"
	maxStatement    = 3 // members of a statement
)

// statement is the text of a statement: the element as its document has it, and what stands around it there.
type statement struct {
	Vocabulary string          `json:"vocabulary"`
	StatedAt   Millis          `json:"statedAt,omitempty"`
	Element    json.RawMessage `json:"element"`
}

// ElementText gives the text of a statement: an element of a document's vocabulary, as compact JSON, with the
// vocabulary's type and the document's creationDate.
func ElementText(vocabulary string, element []byte, statedAt Millis) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(statement{Vocabulary: vocabulary, StatedAt: max(statedAt, 0), Element: element}); err != nil {
		return nil, refuse(ErrMalformed, "vocabulary element: %v", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// ElementOf gives the vocabulary's type and the element, as its document has it, of a statement's text.
func ElementOf(text []byte) (vocabulary string, element []byte, err error) {
	members, err := exactMembers(text)
	if err != nil {
		return "", nil, err
	}
	err = textMember(members, "vocabulary", &vocabulary)
	return vocabulary, members["element"], err
}

// ReadElement reads the text of a statement in context, whose own text is raw. It refuses what is beyond the
// limits.
func ReadElement(context *epcis.Context, raw, text []byte) (Element, error) {
	var e Element
	if len(text) > MaxElementBytes {
		return e, refuse(ErrTooLarge, "a vocabulary element of %d bytes, at most %d are allowed", len(text), MaxElementBytes)
	}
	if !compact(text) {
		return e, refuse(ErrMalformed, "white space between the tokens of a vocabulary element; send it compact")
	}
	members, err := exactMembers(text)
	if err != nil {
		return e, err
	}
	if at, ok := members["statedAt"]; ok {
		if json.Unmarshal(at, &e.StatedAt) != nil || e.StatedAt <= 0 {
			return e, refuse(ErrSchema, "statedAt is a time in milliseconds")
		}
	} else if len(members) == maxStatement {
		return e, refuse(ErrSchema, "a statement is of vocabulary, statedAt and element")
	}
	if len(members) > maxStatement {
		return e, refuse(ErrSchema, "a statement is of vocabulary, statedAt and element")
	}
	if err = textMember(members, "vocabulary", &e.Type); err != nil {
		return e, err
	}
	e.Type = vocabularyType(context, e.Type)
	if members, err = exactMembers(members["element"]); err != nil {
		return e, err
	}
	var id string
	if err = textMember(members, "id", &id); err != nil {
		return e, err
	}
	e.ID = CanonicalPlace(id)
	for _, s := range []string{e.Type, e.ID} {
		if s == "" || len(s) > MaxIdentifierBytes || !printable(s) {
			return e, refuse(ErrSchema, "a vocabulary's type and an element's id are URIs of at most %d bytes", MaxIdentifierBytes)
		}
	}
	if err = e.attributes(context, members["attributes"]); err != nil {
		return e, err
	}
	if err = e.children(members["children"]); err != nil {
		return e, err
	}
	e.Body = BodyDigest(raw, text)
	e.Content = e.content(raw, members)
	return e, nil
}

// exactMembers reads the members of an object by their exact names.
func exactMembers(text []byte) (map[string]json.RawMessage, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil || members == nil {
		return nil, refuse(ErrSchema, "a vocabulary element is a JSON object")
	}
	return members, nil
}

func textMember(members map[string]json.RawMessage, name string, to *string) error {
	if json.Unmarshal(members[name], to) != nil {
		return refuse(ErrSchema, "%s is a text", name)
	}
	return nil
}

// vocabularyType spells the type of a vocabulary as EPCIS 1.2 does, which 2.0 abbreviates.
func vocabularyType(c *epcis.Context, s string) string {
	namespace, local := c.Name(s)
	switch strings.TrimRight(namespace, "#/:") {
	case vocabularyTypes, "https://ref.gs1.org/epcis", "https://ns.gs1.org/epcis", "https://gs1.github.io/EPCIS":
		return vocabularyTypes + ":" + local
	}
	return namespace + local
}

func (e *Element) attributes(c *epcis.Context, raw json.RawMessage) error {
	if len(raw) == 0 {
		return nil
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		return refuse(ErrSchema, "attributes of an element are a list")
	}
	if len(list) > MaxElementAttributes {
		return refuse(ErrTooLarge, "%d attributes of an element, at most %d are allowed", len(list), MaxElementAttributes)
	}
	for _, one := range list {
		members, err := exactMembers(one)
		if err != nil {
			return err
		}
		var name string
		if err = textMember(members, "id", &name); err != nil {
			return err
		}
		value, ok := members["attribute"]
		if !ok || string(value) == "null" {
			continue
		}
		a := ElementAttribute{}
		a.Namespace, a.Local = c.Name(name)
		a.Namespace = strings.TrimRight(a.Namespace, "#/:")
		if json.Unmarshal(value, &a.Value) != nil {
			a.Value, a.JSON = string(value), true
		}
		e.Attributes = append(e.Attributes, a)
	}
	return nil
}

func (e *Element) children(raw json.RawMessage) error {
	if len(raw) == 0 {
		return nil
	}
	if json.Unmarshal(raw, &e.Children) != nil {
		return refuse(ErrSchema, "children of an element are a list of identifiers")
	}
	if len(e.Children) > MaxElementChildren {
		return refuse(ErrTooLarge, "%d children of an element, at most %d are allowed", len(e.Children), MaxElementChildren)
	}
	for i, child := range e.Children {
		if len(child) > MaxIdentifierBytes {
			return refuse(ErrTooLarge, "a child of %d bytes, at most %d are allowed", len(child), MaxIdentifierBytes)
		}
		e.Children[i] = CanonicalPlace(child)
	}
	slices.Sort(e.Children)
	e.Children = slices.Compact(e.Children)
	return nil
}

// content is SHA-256 over what is said, each text with its length before it: attributes by their full names,
// children in order, then other members. JSON may hold names that mean what the context makes of them, so
// that it then counts too.
func (e *Element) content(raw []byte, members map[string]json.RawMessage) Digest {
	var b []byte
	add := func(texts ...string) {
		for _, s := range texts {
			b = binary.BigEndian.AppendUint64(b, uint64(len(s)))
			b = append(b, s...)
		}
	}
	add(e.Type, e.ID)
	byContext := false
	attributes := slices.Clone(e.Attributes)
	// Values of one attribute keep their order.
	slices.SortStableFunc(attributes, func(a, b ElementAttribute) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Local, b.Local))
	})
	for _, a := range attributes {
		kind := "text"
		if a.JSON {
			kind = "json"
			byContext = byContext || strings.HasPrefix(a.Value, "{")
		}
		add("attribute", a.Namespace, a.Local, kind, a.Value)
	}
	for _, child := range e.Children {
		add("child", child)
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		switch name {
		case "id", "attributes", "children":
		default:
			byContext = true
			add("member", name, string(members[name]))
		}
	}
	if byContext {
		add("context", string(raw))
	}
	return sha256.Sum256(b)
}

// ElementView is what the ledger holds of an element in an organisation's words.
type ElementView struct {
	InForce  *ElementRecord // the latest statement, if any
	Recorded *ElementRecord // the statement of that time and content, if any
}

// ElementDecision is what becomes of a statement.
type ElementDecision struct {
	Status  Status
	Record  ElementRecord // to be written when recorded, but for its Index; else the recorded one
	InForce bool          // it is the organisation's latest word now
}

// DecideElement decides on a statement. An organisation speaks for itself: what others say of the same
// element stands beside it. Of an organisation's statements the one that was stated last is in force,
// whatever order they are recorded in; what says no more than that one is not recorded again.
func DecideElement(e Element, view ElementView, tx Tx) ElementDecision {
	at := e.Stated(tx.Time)
	if view.InForce != nil && view.InForce.Content == e.Content {
		return ElementDecision{Status: StatusDuplicate, Record: *view.InForce}
	}
	if view.Recorded != nil {
		return ElementDecision{Status: StatusDuplicate, Record: *view.Recorded}
	}
	return ElementDecision{
		Status: StatusRecorded,
		Record: ElementRecord{
			MSPID: tx.Actor.MSPID, Type: e.Type, ID: e.ID, StatedAt: at, Content: e.Content, Body: e.Body, SetAt: tx.Time, TxID: tx.ID,
		},
		InForce: view.InForce == nil || at > view.InForce.StatedAt || at == view.InForce.StatedAt && bytes.Compare(e.Content[:], view.InForce.Content[:]) > 0,
	}
}

// Stated is when a statement counts as stated if a transaction of that time records it: none of the future
// keeps later ones from being heard.
func (e Element) Stated(txTime Millis) Millis {
	if e.StatedAt == 0 || e.StatedAt > txTime {
		return txTime
	}
	return e.StatedAt
}
