package epcis

import (
	"bytes"
	"errors"
	"io"
	"iter"
)

// Source is one event of a document, or the faults that stand in its place.
type Source struct {
	// Index counts the events of the document from 0.
	Index int
	// Path says where the event stands, such as $.epcisBody.eventList[3].
	Path string
	// Raw is the event as compact JSON: white space between tokens is gone, member
	// order, number spelling and escapes are the sender's. For XML it is the JSON-LD
	// rendering. When the text is not proper JSON it is the text as sent.
	Raw []byte
	// Context is the @context in force around the event, as compact JSON. Events of
	// one document share it; do not change it.
	Context []byte
	// Event is nil when the event cannot be read at all. With faults against the
	// standard it holds what could be read.
	Event *Event
	// Err is nil for a valid event, else Faults.
	Err error

	// head are the warnings of what stands before the first event.
	head Faults
}

// Document is a whole document in memory.
type Document struct {
	// Format is JSON or XML.
	Format Format
	// Type is EPCISDocument, EPCISQueryDocument, or empty for bare events.
	Type          string
	ID            string
	SchemaVersion string
	CreationDate  Time
	// Context is the document's @context as compact JSON.
	Context []byte
	// Header is the epcisHeader as compact JSON; nil if there is none.
	Header []byte
	// QueryName and SubscriptionID are those of an EPCISQueryDocument.
	QueryName      string
	SubscriptionID string
	// InstanceIdentifier, Sender and Receiver are the standard's optional header members.
	InstanceIdentifier, Sender, Receiver string
	// Vocabulary is the vocabularyList of query results as compact JSON; nil if there is none.
	Vocabulary []byte
	// Extensions are the members outside header and events that the standard does not define.
	Extensions []DocumentExtension
	// Events holds every event, the faulty ones too, in document order.
	Events []Source
}

// Err joins the faults of all events; nil if every event is valid.
func (d *Document) Err() error {
	var all Faults
	for i := range d.Events {
		if fs, ok := errors.AsType[Faults](d.Events[i].Err); ok {
			all = append(all, fs...)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all
}

// Format is the syntax of a document.
type Format uint8

// The formats.
const (
	FormatUnknown Format = iota
	JSON
	XML
)

// String names the format.
func (f Format) String() string {
	switch f {
	case JSON:
		return "JSON"
	case XML:
		return "XML"
	case FormatUnknown:
	}
	return "unknown"
}

// Detect tells the format from the first bytes of a document.
func Detect(prefix []byte) Format {
	prefix = bytes.TrimPrefix(prefix, []byte("\xef\xbb\xbf"))
	if wideEncoding(prefix, "") != nil {
		return FormatUnknown
	}
	for _, c := range prefix {
		switch c {
		case ' ', '\t', '\n', '\r':
		case '{', '[':
			return JSON
		case '<':
			return XML
		default:
			return FormatUnknown
		}
	}
	return FormatUnknown
}

// wideEncoding is the fault of a document whose first bytes are those of UTF-16 or UTF-32: a byte
// order mark, or a zero byte beside an ASCII character (RFC 4627, section 3).
func wideEncoding(prefix []byte, path string) *Fault {
	if len(prefix) < 2 {
		return nil
	}
	a, b := prefix[0], prefix[1]
	if a == 0xfe && b == 0xff || a == 0xff && b == 0xfe || a == 0 || b == 0 {
		return &Fault{Path: path, Code: CodeNotUTF8, Message: "the document is UTF-16 or UTF-32, which is not read; save it as UTF-8"}
	}
	return nil
}

// Events streams the events of a JSON document: an EPCISDocument, an
// EPCISQueryDocument, a bare event or an array of bare events; the last two need
// an @context inside each event. A faulty event is a Source with Err set, and the
// stream goes on. A fault of the document as a whole comes as the error of the
// last pair, whose Source is empty, and is Faults; faults that only show after
// the events come after them.
func Events(r io.Reader, lim Limits) iter.Seq2[Source, error] {
	return func(yield func(Source, error) bool) {
		d := docReader{in: newReader(r, lim.orDefault()), doc: &Document{Format: JSON}}
		d.emit = func(s Source) bool { return yield(s, nil) }
		if err := d.run(); err != nil {
			yield(Source{}, err)
		}
	}
}

// ParseDocument reads a whole document, JSON or XML. The error is a fault of the
// document as a whole, and then the document holds what came before it; faults of
// single events stand in its Events.
func ParseDocument(data []byte, lim Limits) (*Document, error) {
	lim = lim.orDefault()
	doc := &Document{}
	emit := func(s Source) bool {
		doc.Events = append(doc.Events, s)
		return true
	}
	if Detect(data) == XML {
		doc.Format = XML
		return doc, readXML(bytes.NewReader(data), lim, doc, emit)
	}
	doc.Format = JSON
	d := docReader{in: newReader(bytes.NewReader(data), lim), doc: doc, emit: emit}
	return doc, d.run()
}
