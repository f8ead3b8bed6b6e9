package statedfile_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/internal/statedfile"
)

type place struct {
	ID       string        `yaml:"id"`
	Version  uint32        `yaml:"version"`
	Small    int8          `yaml:"small"`
	Share    float64       `yaml:"share"`
	Open     bool          `yaml:"open"`
	Even     *even         `yaml:"even"`
	Every    time.Duration `yaml:"every"`
	Steps    []string      `yaml:"steps"`
	Ports    map[string]int
	Inner    *place `yaml:"inner"`
	internal int
}

// even reads itself.
type even int

func (e *even) UnmarshalYAML(n *yaml.Node) error {
	var v int
	if err := n.Decode(&v); err != nil || v%2 != 0 {
		return fmt.Errorf("line %d: %q is not even", n.Line, n.Value)
	}
	*e = even(v)
	return nil
}

type file struct {
	Places []place `yaml:"places"`
}

func TestWhatIsStatedIsRead(t *testing.T) {
	text := `
# a comment
common: &common {open: true, version: 0x10}
`
	var f file
	if err := statedfile.Struct([]byte(text), &f); err == nil {
		t.Error("a field that there is not was read")
	}
	text = `
places:
  - &first {id: 0012, version: 0x10, small: -128, share: 0.5, open: yes, even: 4, every: 1h30m, steps: [a, b], ports: {grpc: 1_000}}
  - <<: *first
    id: "second"
    version: "7"
    inner: {id: x, version: 1e3}
    share:
  - *first
`
	if err := statedfile.Struct([]byte(text), &f); err != nil {
		t.Fatal(err)
	}
	first, second := f.Places[0], f.Places[1]
	if first.ID != "0012" || first.Version != 16 || first.Small != -128 || first.Share != 0.5 || !first.Open || *first.Even != 4 || first.Every != 90*time.Minute ||
		len(first.Steps) != 2 || first.Ports["grpc"] != 1000 || first.internal != 0 {
		t.Errorf("%+v", first)
	}
	if second.ID != "second" || second.Version != 7 || second.Inner.Version != 1000 || !second.Open || f.Places[2].Version != 16 {
		t.Errorf("%+v", second)
	}
}

func TestAFaultNamesLineFieldAndWhatIsTaken(t *testing.T) {
	for text, want := range map[string]string{
		"":                                         "there is nothing in it",
		"# nothing\n":                              "there is nothing in it",
		"places: 7":                                `line 1: places: "7" is not a list, such as [{…}] or lines that begin with "- "`,
		"- 1":                                      "line 1: a list stands where it takes fields, such as places",
		"places:\n- version: abc":                  `line 2: places[0].version: "abc" is not a whole number from 0 to 4294967295`,
		"places:\n- version: 1.5":                  `line 2: places[0].version: "1.5" is not a whole number from 0 to 4294967295`,
		"places:\n- version: -1":                   `line 2: places[0].version: "-1" is not a whole number from 0 to 4294967295`,
		"places:\n- version: 4294967296":           `line 2: places[0].version: "4294967296" is not a whole number from 0 to 4294967295`,
		"places:\n- small: 128":                    `line 2: places[0].small: "128" is not a whole number from -128 to 127`,
		"places:\n- share: half":                   `line 2: places[0].share: "half" is not a number`,
		"places:\n- share: .nan":                   `line 2: places[0].share: ".nan" is not a number`,
		"places:\n- open: maybe":                   `line 2: places[0].open: "maybe" is not true or false`,
		"places:\n- even: 3":                       `line 2: places[0].even: "3" is not even`,
		"places:\n- even: [3]":                     "line 2: places[0].even: a list stands where it takes one value",
		"places:\n- every: 10":                     `line 2: places[0].every: "10" is not a span of time such as 90s, 1h30m or 24h`,
		"places:\n- steps: {a: b}":                 `line 2: places[0].steps: fields stand where it takes a list, such as [a, b] or lines that begin with "- "`,
		"places:\n- steps: [a, ]":                  "",
		"places:\n- steps: [a, ~]":                 "line 2: places[0].steps[1]: nothing stands where it takes a text",
		"places:\n- ports: {grpc: x}":              `line 2: places[0].ports.grpc: "x" is not a whole number`,
		"places:\n- inner: {inner: {colour: red}}": "line 2: places[0].inner.inner.colour: there is no such field; there are id, version, small, share, open, even, every, steps, ports, inner",
		"places:\n- id: a\n  id: b":                "line 3: places[0].id: stands a second time, first on line 2",
		"places:\n- {[a]: b}":                      `line 2: places[0]: what stands before a ":" is no name of a field`,
		"places:\n- <<: 7":                         "line 2: places[0]: what is merged (<<) are no fields",
		"places: []\n---\nplaces: []":              "line 2: holds more than one document: a second one begins here, after ---",
		"places:\n- id: [a\n  version: 1\n":        "line 2: a list that begins with [ is not closed by ], or lacks a comma",
		"{":                                        "line 1: a value is missing, such as after a comma or before a closing bracket",
		"places:\n\t- id: a":                       "line 2: a character that cannot begin a value here, such as a tab: indent by spaces, and put text that begins with one of @ ` % into quotes",
		"places: a: b":                             "line 1: a second \": \" on the line, or a field that is indented further than the one before: put text that holds \": \" into quotes",
		"places:\n- id: *none":                     "line 1: a * that refers to nothing: put text that begins with * into quotes",
		"\xff\xfe\x00":                             "line 1: this is no text in UTF-8",
		"places:\n- id: \"a":                       "line 2: a text in quotes is not closed",
		"places:\n- version: " + strings.Repeat("x", 99): `line 2: places[0].version: "` + strings.Repeat("x", 40) + `…" is not a whole number from 0 to 4294967295`,
		"places:\n- version: a\n- version: b":            `line 2: places[0].version: "a" is not a whole number from 0 to 4294967295; line 3: places[1].version: "b" is not a whole number from 0 to 4294967295`,
		"places:\n" + strings.Repeat("- open: x\n", 10):  "; and 2 more",
	} {
		var f file
		err := statedfile.Struct([]byte(text), &f)
		if want == "" {
			if err != nil {
				t.Errorf("%q: %v", text, err)
			}
			continue
		}
		if err == nil || err.Error() != want && (!strings.HasPrefix(want, ";") || !strings.HasSuffix(err.Error(), want)) {
			t.Errorf("%q:\n  %v, not\n  %s", text, err, want)
		}
		if !errors.Is(err, statedfile.ErrStated) || (want == "there is nothing in it") != errors.Is(err, statedfile.ErrEmpty) {
			t.Errorf("%q: %v is of another kind", text, err)
		}
	}
}

func TestAMessageIsReadAsPeopleWriteIt(t *testing.T) {
	var p waybillv1.CreditPolicy
	text := "version: 3\nunbondDelay: 24h\nmin_stake: \"10\"\nallowances:\n- {msp_id: ProducerMSP, period: 1.5s, uses: 2}\n"
	if err := statedfile.Message([]byte(text), &p); err != nil {
		t.Fatal(err)
	}
	if p.GetVersion() != 3 || p.GetUnbondDelay().AsDuration() != 24*time.Hour || p.GetMinStake() != 10 || p.GetAllowances()[0].GetPeriod().AsDuration() != 1500*time.Millisecond {
		t.Errorf("%+v", &p)
	}
	for text, want := range map[string]string{
		"unbond_delay: 1day":                             `line 1: unbond_delay: "1day" is not a span of time such as 90s, 1h30m or 24h`,
		"min_stake: -4":                                  `line 1: min_stake: "-4" is not a whole number from 0 on`,
		"set_at: yesterday":                              `line 1: set_at: "yesterday" is not a time such as 2026-03-01T00:00:00Z`,
		"version: 1\nforeground: 2":                      "line 2: foreground: there is no such field; there are version, ",
		"allowances: 3":                                  `line 1: allowances: "3" is not a list, such as [{…}] or lines that begin with "- "`,
		"min_stake: 1\nminStake: 2":                      "line 2: minStake: stands a second time, first on line 1",
		"unbond_delay: 10000000h\nversion: 1":            "", // longer than durations are, and in range for protobuf
		"allowances: [{period: 1s, period: 2s}]":         "line 1: allowances[0].period: stands a second time, first on line 1",
		"allowances:\n- msp_id: [a]\n  uses: 1":          "line 2: allowances[0].msp_id: a list stands where it takes a text",
		"allowances:\n- msp_id: a\n  uses: 999999999999": `line 3: allowances[0].uses: "999999999999" is not a whole number from 0 to 4294967295`,
	} {
		err := statedfile.Message([]byte(text), &waybillv1.CreditPolicy{})
		if want == "" {
			continue
		}
		if err == nil || !strings.HasPrefix(err.Error(), want) || !errors.Is(err, statedfile.ErrStated) {
			t.Errorf("%q:\n  %v, not\n  %s", text, err, want)
		}
	}
	if _, err := statedfile.Fields([]byte("min_stake: 1"), &p, "version", "unbond_delay"); err == nil || err.Error() != "line 1: min_stake: there is no such field; there are version, unbond_delay" {
		t.Errorf("%v", err)
	}
}

// Whatever protobuf's JSON writes is read as the same message, and so is that as YAML.
func TestAnyMessagesJSONIsRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &waybillv1.ModelVersion{
			Name: rapid.StringMatching(`[a-z*/0-9:# -]{0,12}`).Draw(t, "name"), Size: rapid.Uint64().Draw(t, "size"), Seed: rapid.Uint64().Draw(t, "seed"),
			Chunks:     rapid.SliceOfN(rapid.StringMatching(`[0-9a-f]{4}|[0-9]e[0-9]|null|true|~`), 0, 4).Draw(t, "chunks"),
			Parameters: rapid.MapOfN(rapid.StringMatching(`[a-z0-9]{1,4}`), rapid.StringMatching(`[0-9.]{0,4}`), 0, 3).Draw(t, "parameters"),
			Thresholds: []*waybillv1.Metric{{Name: "recall", Value: rapid.Int64().Draw(t, "value")}}, Code: &waybillv1.TrainingCode{Go: "go1.26"},
		}
		for _, o := range []protojson.MarshalOptions{{}, {UseProtoNames: true, Multiline: true}, {EmitUnpopulated: true}} {
			text, err := o.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			var anything any
			if err = yaml.Unmarshal(text, &anything); err != nil {
				t.Fatal(err)
			}
			asYAML, err := yaml.Marshal(anything)
			if err != nil {
				t.Fatal(err)
			}
			for _, form := range [][]byte{text, asYAML} {
				var back waybillv1.ModelVersion
				if err = statedfile.Message(form, &back); err != nil || !proto.Equal(m, &back) {
					t.Fatalf("%s\n%v\n%+v", form, err, &back)
				}
			}
		}
	})
}

// A file that refers to itself again and again costs no more than its length allows.
func TestAliasesThatMultiplyAreRefused(t *testing.T) {
	var text bytes.Buffer
	text.WriteString("places:\n- &a0 {id: x}\n")
	for i := range 40 {
		fmt.Fprintf(&text, "- &a%d {inner: *a%d, <<: [*a%d, *a%d]}\n", i+1, i, i, i)
	}
	began := time.Now()
	var f file
	err := statedfile.Struct(text.Bytes(), &f)
	if !errors.Is(err, statedfile.ErrStated) || time.Since(began) > 10*time.Second {
		t.Errorf("%v after %s", err, time.Since(began))
	}
}

func FuzzStated(f *testing.F) {
	for _, seed := range []string{"places: [{id: a, version: 1}]", "version: 1\nunbond_delay: 24h", "a: &a [*a]", "<<: {version: 2}", "{\"version\": 1e3,}", "? [a]\n: b"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var p file
		var m waybillv1.CreditPolicy
		for _, err := range []error{statedfile.Struct(text, &p), statedfile.Message(text, &m)} {
			if err != nil && !errors.Is(err, statedfile.ErrStated) {
				t.Errorf("%v", err)
			}
		}
	})
}
