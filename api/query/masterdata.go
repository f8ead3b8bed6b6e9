package query

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/epcis"
)

// MasterData is what is known about identifiers: their place in a hierarchy, and
// attributes. Identifiers are canonical, as CanonicalID gives them.
type MasterData interface {
	// Below reports whether id is a direct or indirect descendant of ancestor.
	Below(id, ancestor string) bool
	// Attribute gives the values of an attribute of id; none when it has none. The
	// namespace of the name ends in none of '#', '/' and ':'.
	Attribute(id string, name Name) []string
}

// Vocabulary is master data in memory, as the epcisHeader of documents gives it.
// It is not safe for concurrent use with Add.
type Vocabulary struct {
	children   map[string][]string
	attributes map[string]map[Name][]string
}

// NewVocabulary gives an empty vocabulary.
func NewVocabulary() *Vocabulary {
	return &Vocabulary{children: map[string][]string{}, attributes: map[string]map[Name][]string{}}
}

// header is the part of an epcisHeader that holds master data.
type header struct {
	MasterData struct {
		Vocabularies []struct {
			Elements []struct {
				ID         string `json:"id"`
				Attributes []struct {
					ID    string          `json:"id"`
					Value json.RawMessage `json:"attribute"`
				} `json:"attributes"`
				Children []string `json:"children"`
			} `json:"vocabularyElementList"`
		} `json:"vocabularyList"`
	} `json:"epcisMasterData"`
}

// Add takes in the master data of an epcisHeader, as epcis.Document holds it, read
// in the context of its document. A nil context is GS1's own. What is there of an
// attribute already is replaced.
func (v *Vocabulary) Add(epcisHeader []byte, c *epcis.Context) error {
	if len(epcisHeader) == 0 {
		return nil
	}
	var h header
	if err := json.Unmarshal(epcisHeader, &h); err != nil {
		return fmt.Errorf("%s: master data: %w", CodeSyntax, err)
	}
	for _, voc := range h.MasterData.Vocabularies {
		for _, el := range voc.Elements {
			id := CanonicalID(el.ID)
			for _, child := range el.Children {
				if child = CanonicalID(child); !slices.Contains(v.children[id], child) {
					v.children[id] = append(v.children[id], child)
				}
			}
			fresh := map[Name][]string{}
			for _, a := range el.Attributes {
				text := string(a.Value)
				var s string
				if json.Unmarshal(a.Value, &s) == nil {
					text = s
				}
				if len(a.Value) == 0 || bytes.Equal(a.Value, []byte("null")) {
					continue
				}
				name := attributeName(a.ID, c)
				fresh[name] = append(fresh[name], text)
			}
			for name, values := range fresh {
				if v.attributes[id] == nil {
					v.attributes[id] = map[Name][]string{}
				}
				v.attributes[id][name] = values
			}
		}
	}
	return nil
}

// Below implements MasterData.
func (v *Vocabulary) Below(id, ancestor string) bool {
	seen := map[string]bool{ancestor: true}
	for todo := []string{ancestor}; len(todo) > 0; {
		at := todo[0]
		todo = todo[1:]
		for _, child := range v.children[at] {
			if child == id {
				return true
			}
			if !seen[child] {
				seen[child] = true
				todo = append(todo, child)
			}
		}
	}
	return false
}

// Attribute implements MasterData.
func (v *Vocabulary) Attribute(id string, name Name) []string { return v.attributes[id][name] }

// attributeName splits the name of an attribute. The CBV writes the same one as
// urn:epcglobal:cbv:mda#site, urn:epcglobal:cbv:mda:site and cbvmda:site.
func attributeName(s string, c *epcis.Context) Name {
	ns, local := c.Name(s)
	return Name{Namespace: strings.TrimRight(ns, "#/:"), Local: local}
}
