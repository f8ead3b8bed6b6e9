package wire

import (
	"encoding/json"
	"fmt"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/epcis"
)

// MaxDocumentElements bounds the vocabulary elements of one document.
const MaxDocumentElements = 20_000

// ElementEntry is one statement on a vocabulary element to record.
type ElementEntry struct {
	EventEntry
	// Type and ID name the element, canonical.
	Type, ID string
}

// vocabulary is a vocabularyList of EPCIS.
type vocabulary struct {
	Type     string            `json:"type"`
	Elements []json.RawMessage `json:"vocabularyElementList"`
}

// DocumentElements makes entries of the master data in a document's header, and of that in the results of a
// query document, in their order. The error is an epcis.Fault with the path of what the ledger would refuse.
func DocumentElements(doc *epcis.Document) ([]ElementEntry, error) {
	var header struct {
		MasterData struct {
			Vocabularies []vocabulary `json:"vocabularyList"`
		} `json:"epcisMasterData"`
	}
	if len(doc.Header) > 0 {
		if err := json.Unmarshal(doc.Header, &header); err != nil {
			return nil, epcis.Fault{Path: "$.epcisHeader", Code: epcis.CodeType, Message: err.Error()}
		}
	}
	var results []vocabulary
	if len(doc.Vocabulary) > 0 {
		if err := json.Unmarshal(doc.Vocabulary, &results); err != nil {
			return nil, epcis.Fault{Path: "$.epcisBody.queryResults.resultsBody.vocabularyList", Code: epcis.CodeType, Message: err.Error()}
		}
	}
	if len(header.MasterData.Vocabularies)+len(results) == 0 {
		return nil, nil
	}
	within, err := epcis.ParseContext(doc.Context)
	if err != nil {
		return nil, err
	}
	r := elementReader{doc: doc, context: within}
	if !doc.CreationDate.Instant.IsZero() {
		r.statedAt = ledger.MillisOf(doc.CreationDate.Instant)
	}
	if err = r.read("$.epcisHeader.epcisMasterData.vocabularyList", header.MasterData.Vocabularies); err != nil {
		return nil, err
	}
	err = r.read("$.epcisBody.queryResults.resultsBody.vocabularyList", results)
	return r.entries, err
}

type elementReader struct {
	doc      *epcis.Document
	context  *epcis.Context
	statedAt ledger.Millis
	entries  []ElementEntry
}

func (r *elementReader) read(path string, list []vocabulary) error {
	for i, v := range list {
		for j, raw := range v.Elements {
			at := fmt.Sprintf("%s[%d].vocabularyElementList[%d]", path, i, j)
			if len(r.entries) == MaxDocumentElements {
				return epcis.Fault{Path: at, Code: ledger.CodeTooLarge, Message: fmt.Sprintf("more than %d vocabulary elements; split the document", MaxDocumentElements)}
			}
			entry, err := r.entry(v.Type, raw)
			if err != nil {
				_, text := ledger.ParseCode(err.Error())
				return epcis.Fault{Path: at, Code: ledger.Code(err), Message: text}
			}
			r.entries = append(r.entries, entry)
		}
	}
	return nil
}

func (r *elementReader) entry(kind string, raw []byte) (ElementEntry, error) {
	text, err := ledger.ElementText(kind, raw, r.statedAt)
	if err != nil {
		return ElementEntry{}, err
	}
	entry, err := NewEventEntry(r.doc.Context, text)
	if err != nil {
		return ElementEntry{}, err
	}
	if len(entry.Context) > ledger.MaxContextBytes {
		return ElementEntry{}, fmt.Errorf("%w: a context of %d bytes, at most %d are allowed", ledger.ErrTooLarge, len(entry.Context), ledger.MaxContextBytes)
	}
	e, err := ledger.ReadElement(r.context, entry.Context, entry.Body)
	return ElementEntry{EventEntry: entry, Type: e.Type, ID: e.ID}, err
}

// EncodeElementBatch gives the argument of RecordElements: the encoding is that of an event batch.
func EncodeElementBatch(elements []ElementEntry) ([]byte, error) {
	if err := bounded("vocabulary elements", len(elements), ledger.MaxBatchElements); err != nil {
		return nil, err
	}
	entries := make([]EventEntry, len(elements))
	for i, e := range elements {
		entries[i] = e.EventEntry
	}
	return EncodeEventBatch(entries)
}

// DecodeElementBatch reads the argument of RecordElements.
func DecodeElementBatch(data []byte) ([]EventEntry, error) {
	entries, err := DecodeEventBatch(data)
	if err == nil {
		err = bounded("vocabulary elements", len(entries), ledger.MaxBatchElements)
	}
	return entries, err
}
