package main

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/waybill-dev/waybill/analytics/panel"
	"github.com/waybill-dev/waybill/api/anchor"
	"github.com/waybill-dev/waybill/api/readmodel"
)

func TestAScorerFindsTheProofLogOfAnotherProcessOnceItIsThere(t *testing.T) {
	l := &lateLog{
		store: readmodel.Config{Path: filepath.Join(t.TempDir(), "readmodel.db")},
		log:   anchor.Config{Channel: "waybill", MSPID: "AMSP", Organisations: []string{"AMSP", "BMSP"}},
	}
	if _, err := l.Prove(t.Context(), []string{"x"}); !errors.Is(err, errNoLog) || l.opened != nil {
		t.Fatal(err)
	}
	other, err := readmodel.Open(t.Context(), l.store)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	for range 2 {
		if _, err := l.Prove(t.Context(), []string{"x"}); !errors.Is(err, panel.ErrNotAnchored) {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}
