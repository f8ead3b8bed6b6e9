package epcis_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/waybill-dev/waybill/epcis"
)

// TestWordsWrittenAsWebURIsMeanTheSame writes every published document in XML with web URIs for the words of
// the CBV, and reads it back.
func TestWordsWrittenAsWebURIsMeanTheSame(t *testing.T) {
	for _, path := range published(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			out, err := convert(t, data, epcis.WriteOptions{Form: epcis.FormXML, WebVocabulary: true})
			if err != nil {
				t.Fatal(err)
			}
			for _, urn := range []string{">urn:epcglobal:cbv:bizstep:", ">urn:epcglobal:cbv:disp:", `type="urn:epcglobal:cbv:btt:`} {
				if bytes.Contains(out, []byte(urn)) {
					t.Errorf("a word is written as %s", urn)
				}
			}
			was, is := parse(t, data).Events, parse(t, out).Events
			if len(was) != len(is) {
				t.Fatalf("%d events, read back %d", len(was), len(is))
			}
			for i := range was {
				if was[i].Event.Hash() != is[i].Event.Hash() {
					t.Errorf("event %d has another hash:\n%s", i, out)
				}
			}
		})
	}
}
