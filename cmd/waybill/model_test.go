package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/analytics/score"
	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
)

func TestAVersionIsNotSpentOnAnotherArtefact(t *testing.T) {
	shipped, err := score.Default()
	if err != nil {
		t.Fatal(err)
	}
	id, digest := shipped.Parameters().ID, shipped.Digest().String()
	for what, c := range map[string]struct {
		name, format, stated string
		content              []byte
		ok                   bool
	}{
		"the one stated":         {id + "/1", score.Format, digest, shipped.Bytes(), true},
		"none is stated":         {id + "/1", score.Format, "", shipped.Bytes(), true},
		"another than stated":    {id + "/1", score.Format, strings.Repeat("0", 64), shipped.Bytes(), false},
		"no model":               {id + "/1", score.Format, "", []byte("garbage"), false},
		"one of another name":    {"other/1", score.Format, digest, shipped.Bytes(), false},
		"one of another program": {"other/1", "onnx/1", "", []byte("any bytes"), true},
		"no name of a version":   {id, score.Format, digest, shipped.Bytes(), false},
	} {
		err := heldArtefact(&waybillv1.ModelVersion{Name: c.name, Format: c.format, Artefact: c.stated}, "model.json", c.content)
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestAStatedFileThatIsNotThereIsNoFaultOfThisMachine(t *testing.T) {
	err := readStated(filepath.Join(t.TempDir(), "none.yaml"), nil, &waybillv1.ModelPolicy{})
	f, ok := errors.AsType[*failure](err)
	if !ok || f.exit != exitRefused || f.code != codeFile || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func TestAStatedFilesFaultNamesItsLineAndFieldAndWhatIsTaken(t *testing.T) {
	err := readStated("-", strings.NewReader("version: 1\napprovals: two\n"), &waybillv1.ModelPolicy{})
	if err == nil || err.Error() != `-: line 2: approvals: "two" is not a whole number from 0 to 4294967295` {
		t.Errorf("%v", err)
	}
}
