package demo

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
)

var stableCode = regexp.MustCompile(`^(WB_[A-Z0-9_]+): `)

// faultOf is an error of one file as the report tells it.
func faultOf(err error) Fault {
	text := err.Error()
	if m := stableCode.FindStringSubmatch(text); m != nil {
		return Fault{Code: m[1], Message: text[len(m[0]):]}
	}
	return Fault{Code: "WB_FILE", Message: text}
}

// DocumentRow is what became of one document.
type DocumentRow struct {
	File      string  `json:"file"`
	Events    int     `json:"events"`
	Recorded  int     `json:"recorded"`
	Duplicate int     `json:"duplicate"`
	Refused   int     `json:"refused"`
	Findings  int     `json:"findings"`
	Faults    []Fault `json:"faults,omitempty"`
}

// Fault is why an event, or a document as a whole, was refused.
type Fault struct {
	Code    string `json:"code"`
	Path    string `json:"path,omitempty"`
	Message string `json:"message"`
}

// ReadingRow is what became of one file of readings.
type ReadingRow struct {
	File     string    `json:"file"`
	Device   string    `json:"device"`
	Shipment string    `json:"shipment"`
	Policy   string    `json:"policy"`
	Readings int       `json:"readings"`
	Skipped  int       `json:"skipped"`
	Why      string    `json:"why_skipped,omitempty"`
	Ignored  []string  `json:"columns_not_recorded,omitempty"`
	Segments int       `json:"segments"`
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	Worst    string    `json:"worst"`
	Final    string    `json:"final"`
	// Note says what is odd about the policy that it is judged by.
	Note string `json:"note,omitempty"`
	// Fault is why not all of it was recorded.
	Fault *Fault `json:"fault,omitempty"`
}

// VerdictRow is one verdict, told.
type VerdictRow struct {
	Shipment    string    `json:"shipment"`
	File        string    `json:"file,omitempty"`
	Window      uint32    `json:"window"`
	Final       bool      `json:"final"`
	Level       string    `json:"level"`
	Code        string    `json:"code,omitempty"`
	Reason      string    `json:"reason,omitempty"`
	Until       time.Time `json:"until"`
	Block       uint64    `json:"block"`
	Transaction string    `json:"transaction"`
}

// InputReport is what became of the user's files.
type InputReport struct {
	Documents []DocumentRow `json:"documents"`
	Readings  []ReadingRow  `json:"readings"`
	Verdicts  []VerdictRow  `json:"verdicts"`
	// Unreadable files were passed over.
	Unreadable []FileFault `json:"unreadable,omitempty"`
	Ignored    int         `json:"ignored_files"`
	OnChain    OnChain     `json:"on_chain"`
	States     States      `json:"states"`
	Seconds    float64     `json:"seconds"`
	OK         bool        `json:"ok"`
}

func (row *DocumentRow) take(r *waybillv1.EventResult) {
	row.Events++
	row.Findings += len(r.GetFindings())
	switch r.GetStatus() {
	case waybillv1.AnswerStatus_ANSWER_STATUS_RECORDED:
		row.Recorded++
	case waybillv1.AnswerStatus_ANSWER_STATUS_DUPLICATE:
		row.Duplicate++
	default:
		row.Refused++
		if len(row.Faults) < shownFaults {
			row.Faults = append(row.Faults, Fault{r.GetCode(), r.GetPath(), r.GetMessage()})
		}
	}
}

// tell fills the verdicts in.
func (r *InputReport) tell(verdicts map[string][]*waybillv1.Verdict) {
	files := map[string]*ReadingRow{}
	for i := range r.Readings {
		r.Readings[i].Worst, r.Readings[i].Final = "none", "none"
		files[r.Readings[i].Shipment] = &r.Readings[i]
	}
	for _, shipment := range slices.Sorted(maps.Keys(verdicts)) {
		var worst waybillv1.VerdictLevel
		for _, v := range verdicts[shipment] {
			var told Row
			told.tell(v, "")
			row := VerdictRow{
				Shipment: shipment, Window: v.GetWindow(), Final: v.GetFinal(), Level: told.Level, Code: told.Code, Reason: told.Reason,
				Until: v.GetTo().AsTime(), Block: told.Block, Transaction: told.Transaction,
			}
			worst = max(worst, v.GetLevel())
			if f := files[shipment]; f != nil {
				row.File, f.Worst = f.File, level(worst).String()
				if v.GetFinal() {
					f.Final = told.Level
				}
			}
			r.Verdicts = append(r.Verdicts, row)
		}
	}
}

// Why says what is not as it should be; empty if all is.
func (r *InputReport) Why() string {
	refused, unjudged := 0, 0
	for _, d := range r.Documents {
		if d.Refused > 0 || len(d.Faults) > 0 {
			refused++
		}
	}
	notRecorded := 0
	for _, f := range r.Readings {
		switch {
		case f.Fault != nil:
			notRecorded++
		case f.Final == "none":
			unjudged++
		}
	}
	var why []string
	if refused > 0 {
		why = append(why, fmt.Sprintf("%d of %d documents hold what was refused", refused, len(r.Documents)))
	}
	if len(r.Unreadable) > 0 {
		why = append(why, fmt.Sprintf("%d of %d files of readings cannot be read", len(r.Unreadable), len(r.Unreadable)+len(r.Readings)))
	}
	if notRecorded > 0 {
		why = append(why, fmt.Sprintf("%d of %d files of readings hold what was refused", notRecorded, len(r.Readings)))
	}
	if unjudged > 0 {
		why = append(why, fmt.Sprintf("%d of %d files of readings were not judged to their end", unjudged, len(r.Readings)))
	}
	if r.OnChain.Missing > 0 {
		why = append(why, fmt.Sprintf("%d verdicts are not on the ledger of %s (%s)", r.OnChain.Missing, r.OnChain.Organisation, r.OnChain.FirstMissing))
	}
	if !r.States.Equal {
		why = append(why, "the peers' world states are not known to be equal: "+r.States.Why)
	}
	return strings.Join(why, "; ")
}

// WriteJSON writes the report as one object on one line.
func (r *InputReport) WriteJSON(w io.Writer) error { return json.NewEncoder(w).Encode(r) }

// WriteText writes the report for a person.
func (r *InputReport) WriteText(w io.Writer) error {
	section := func(write func(io.Writer)) error {
		t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
		write(t)
		fmt.Fprintln(t)
		return t.Flush()
	}
	var errs []error
	if len(r.Documents) > 0 {
		errs = append(errs, section(r.writeDocuments))
		for _, d := range r.Documents {
			for _, f := range d.Faults {
				_, err := fmt.Fprintf(w, "%s: %s %s: %s\n", clean(d.File), f.Code, clean(f.Path), clean(f.Message))
				errs = append(errs, err)
			}
		}
	}
	for _, f := range r.Readings {
		errs = append(errs, section(f.write))
	}
	if len(r.Verdicts) > 0 {
		errs = append(errs, section(r.writeVerdicts))
	}
	for _, f := range r.Unreadable {
		_, err := fmt.Fprintf(w, "%s: %s: %s\n", clean(f.File), f.Code, clean(f.Message))
		errs = append(errs, err)
	}
	recorded, duplicate, refused := 0, 0, 0
	for _, d := range r.Documents {
		recorded, duplicate, refused = recorded+d.Recorded, duplicate+d.Duplicate, refused+d.Refused
	}
	_, err := fmt.Fprintf(w, "Documents: %d, with %d events recorded, %d duplicate, %d refused. Files of readings: %d, %d that cannot be read.\nVerdicts: %d, %d missing on the ledger of %s.\n%s\n",
		len(r.Documents), recorded, duplicate, refused, len(r.Readings)+len(r.Unreadable), len(r.Unreadable), len(r.Verdicts), r.OnChain.Missing, r.OnChain.Organisation, r.States.sentence())
	return errors.Join(append(errs, err)...)
}

func (r *InputReport) writeDocuments(w io.Writer) {
	fmt.Fprintln(w, "DOCUMENT\tEVENTS\tRECORDED\tDUPLICATE\tREFUSED\tFINDINGS")
	for _, d := range r.Documents {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\n", clean(filepath.Base(d.File)), d.Events, d.Recorded, d.Duplicate, d.Refused, d.Findings)
	}
}

func (row ReadingRow) write(w io.Writer) {
	fmt.Fprintf(w, "READINGS\t%s\n", clean(row.File))
	fmt.Fprintf(w, "  how many\t%d in %d segments, %s to %s\n", row.Readings, row.Segments, row.From.Format(time.RFC3339), row.To.Format(time.RFC3339))
	if row.Skipped > 0 {
		fmt.Fprintf(w, "  rows passed over\t%d; the first: %s\n", row.Skipped, clean(row.Why))
	}
	if len(row.Ignored) > 0 {
		fmt.Fprintf(w, "  columns not recorded\t%s\n", clean(strings.Join(row.Ignored, ", ")))
	}
	if row.Fault != nil {
		fmt.Fprintf(w, "  refused\t%s: %s\n", row.Fault.Code, clean(row.Fault.Message))
	}
	if row.Note != "" {
		fmt.Fprintf(w, "  note\t%s\n", row.Note)
	}
	fmt.Fprintf(w, "  device\t%s\n  shipment\t%s\n  policy\t%s\n  worst verdict\t%s\n  final verdict\t%s\n", row.Device, row.Shipment, row.Policy, row.Worst, row.Final)
}

// writeVerdicts shows, of each shipment, the verdicts at which the level or the main reason changed, and the last.
func (r *InputReport) writeVerdicts(w io.Writer) {
	fmt.Fprintln(w, "SHIPMENT\tWINDOW\tUNTIL\tVERDICT\tBLOCK\tTRANSACTION\tREASON")
	shown := 0
	for i, v := range r.Verdicts {
		first := i == 0 || r.Verdicts[i-1].Shipment != v.Shipment
		last := i+1 == len(r.Verdicts) || r.Verdicts[i+1].Shipment != v.Shipment
		if first {
			shown = 0
		}
		changed := first || r.Verdicts[i-1].Level != v.Level || r.Verdicts[i-1].Code != v.Code
		if !last && (!changed || shown >= shownVerdicts) {
			continue
		}
		shown++
		window := strconv.FormatUint(uint64(v.Window), 10)
		if v.Final {
			window += " (last)"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\t%s\n", shortEPC(v.Shipment), window, v.Until.Format(time.RFC3339), v.Level, v.Block, shortTx(v.Transaction), clean(cmp.Or(v.Reason, "-")))
	}
}

// clean keeps a terminal from obeying what stands in a file.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) {
			return '�'
		}
		return r
	}, s)
}
