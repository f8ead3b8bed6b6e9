package epcis

import (
	"bufio"
	"io"
	"iter"
)

// Decoder reads a document of either format event by event, and what stands outside
// the events as it comes by.
type Decoder struct {
	in  *bufio.Reader
	lim Limits
	doc *Document
}

// NewDecoder gives a decoder that has read nothing yet.
func NewDecoder(r io.Reader, lim Limits) *Decoder {
	return &Decoder{in: bufio.NewReaderSize(r, readSize), lim: lim.orDefault(), doc: &Document{}}
}

// Document gives what is known of the document, which grows as the events are read:
// all of it after the last event. Of an XML document everything but foreign elements
// after the events is known with the first event. Its Events stay empty.
func (d *Decoder) Document() *Document { return d.doc }

// Events streams the events, as the functions Events and EventsXML do. It may be
// used once.
func (d *Decoder) Events() iter.Seq2[Source, error] {
	return func(yield func(Source, error) bool) {
		if err := d.run(false, func(s Source) bool { return yield(s, nil) }); err != nil {
			yield(Source{}, err)
		}
	}
}

func (d *Decoder) run(headOnly bool, emit func(Source) bool) error {
	prefix, _ := d.in.Peek(512) // a short or failing source is the reader's to report
	if Detect(prefix) == XML {
		d.doc.Format = XML
		return readXML(d.in, d.lim, d.doc, emit)
	}
	d.doc.Format = JSON
	r := docReader{in: newReader(d.in, d.lim), doc: d.doc, emit: emit, headOnly: headOnly}
	return r.run()
}

// ReadHead reads a document but for its events, which a JSON document is only
// searched for the ends of; an XML document is read up to its first event. The
// document it gives has no Events.
func ReadHead(r io.Reader, lim Limits) (*Document, error) {
	d := NewDecoder(r, lim)
	err := d.run(true, func(Source) bool { return false })
	return d.doc, err
}

// Convert copies a document from r to w in another form, holding one event at a time.
// In JSON the header may stand after the events, so a JSON document is read twice.
// The first fault of the document or of an event ends the copying; it is Faults, and
// w has got the events before it. Convert gives how many events were written.
func Convert(w io.Writer, r io.ReadSeeker, lim Limits, opt WriteOptions) (events int, err error) {
	start, err := r.Seek(0, io.SeekCurrent)
	if err != nil {
		return 0, readFault(err)
	}
	head, err := ReadHead(r, lim)
	if err != nil {
		return 0, err
	}
	if _, err = r.Seek(start, io.SeekStart); err != nil {
		return 0, readFault(err)
	}
	d := NewDecoder(r, lim)
	var enc *Encoder
	begin := func() error {
		if enc != nil {
			return nil
		}
		if head.Format == XML {
			head = d.Document() // it goes on growing
		}
		enc, err = NewEncoder(w, head, opt)
		return err
	}
	for s, err := range d.Events() {
		if err == nil {
			err = s.Err
		}
		if err == nil {
			err = begin()
		}
		if err == nil {
			err = enc.WriteEvent(s.Event)
		}
		if err != nil {
			return events, err
		}
		events++
	}
	if err := begin(); err != nil {
		return events, err
	}
	if err := enc.Close(); err != nil {
		return events, err
	}
	return events, nil
}
