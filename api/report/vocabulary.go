package report

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"github.com/waybill-dev/waybill/epcis"
)

// maxMasterBytes bounds a document of master data.
const maxMasterBytes = 8 << 20

// Vocabulary is master data in memory, as the header of an EPCIS document gives it.
type Vocabulary map[string]map[string]string

// Describe implements MasterData.
func (v Vocabulary) Describe(_ context.Context, id string) (map[string]string, error) {
	return v[id], nil
}

// ReadVocabulary reads the master data in the header of an EPCIS document, JSON or XML; its events are
// not looked at. ErrArgument.
func ReadVocabulary(document []byte) (Vocabulary, error) {
	if len(document) > maxMasterBytes {
		return nil, fmt.Errorf("%w: master data of more than %d MiB", ErrArgument, maxMasterBytes>>20)
	}
	head, err := epcis.ReadHead(bytes.NewReader(document), epcis.DefaultLimits())
	if err != nil {
		return nil, inMaster(err)
	}
	c, err := epcis.ParseContext(head.Context)
	if err != nil {
		return nil, inMaster(err)
	}
	var header struct {
		MasterData struct {
			Vocabularies []struct {
				Elements []struct {
					ID         string `json:"id"`
					Attributes []struct {
						ID    string          `json:"id"`
						Value json.RawMessage `json:"attribute"`
					} `json:"attributes"`
				} `json:"vocabularyElementList"`
			} `json:"vocabularyList"`
		} `json:"epcisMasterData"`
	}
	if len(head.Header) > 0 {
		if err := json.Unmarshal(head.Header, &header); err != nil {
			return nil, inMaster(err)
		}
	}
	found := Vocabulary{}
	for _, voc := range header.MasterData.Vocabularies {
		for _, el := range voc.Elements {
			id := canonical(el.ID)
			for _, a := range el.Attributes {
				var text string
				if json.Unmarshal(a.Value, &text) != nil {
					text = strings.Trim(string(a.Value), `"`)
				}
				namespace, name := c.Name(a.ID)
				if name == "" || text == "" || text == "null" {
					continue
				}
				if found[id] == nil {
					found[id] = map[string]string{}
				}
				if _, ok := found[id][name]; !ok || known(namespace) {
					found[id][name] = text
				}
			}
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%w: the document's header holds no master data", ErrArgument)
	}
	return found, nil
}

// inMaster says that master data cannot be read.
func inMaster(err error) error {
	text := strings.TrimPrefix(argument(err).Error(), ErrArgument.Error()+": ")
	return fmt.Errorf("%w: master data: %s", ErrArgument, text)
}

// Layers is master data from several sources: what an earlier one says of an attribute counts.
type Layers []MasterData

// Describe implements MasterData.
func (l Layers) Describe(ctx context.Context, id string) (map[string]string, error) {
	var all map[string]string
	for _, m := range l {
		if m == nil {
			continue
		}
		d, err := m.Describe(ctx, id)
		if err != nil {
			return nil, err
		}
		if len(d) == 0 {
			continue
		}
		if all == nil {
			all = maps.Clone(d)
			continue
		}
		for k, v := range d {
			if _, ok := all[k]; !ok {
				all[k] = v
			}
		}
	}
	return all, nil
}
