package demo

import (
	"fmt"
	"io"

	"github.com/waybill-dev/waybill/analytics/simulate"
)

// WriteNext says what to try while everything is up, with ids that are on the ledger. command is how
// waybill is called here, with its --dir, and folder that of the proof, both as a shell takes them.
func (r *Report) WriteNext(w io.Writer, command, folder string) error {
	shipment := ""
	for _, row := range r.Shipments {
		if shipment == "" || row.Fault != string(simulate.FaultNone) && row.OK {
			shipment = row.Shipment
		}
		if row.Fault != string(simulate.FaultNone) && row.OK {
			break
		}
	}
	if err := writeNext(w, command, shipment); err != nil {
		return err
	}
	lot, finished := printedLot(r.Recall.Lot), printedLot(r.Recall.Finished)
	_, err := fmt.Fprintf(w, `  %[1]s recall "%[2]s" --svg recall.svg
  %[1]s trace "%[3]s" --up
  %[1]s prove event %[4]s -o bad.wbproof
  %[1]s verify bad.wbproof --roots %[5]s/%[6]s
  %[1]s verify %[5]s/%[7]s --roots %[5]s/%[6]s
  %[1]s report fsma "%[3]s" --out lot.xlsx
  %[1]s findings list --open --newest
  %[1]s roots list
  %[1]s scoring scorers
`, command, lot, finished, r.Recall.Inspection, folder, rootsDir, forgedFile)
	if err == nil && len(r.Scoring.Lies) > 0 {
		lie := r.Scoring.Lies[0]
		_, err = fmt.Fprintf(w, "  %[1]s scoring task %[2]s\n  %[1]s scoring final %[3]s %[4]d\n", command, lie.Task, lie.Shipment, lie.Window)
	}
	return err
}

// WriteNext says what to try while everything is up. command is how waybill is called here, with its --dir.
func (r *InputReport) WriteNext(w io.Writer, command string) error {
	shipment := ""
	if len(r.Readings) > 0 {
		shipment = r.Readings[0].Shipment
	} else if len(r.Verdicts) > 0 {
		shipment = r.Verdicts[0].Shipment
	}
	if err := writeNext(w, command, shipment); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, `  %[1]s recall EPC|LOT            of what your documents name: all that it reached, and who holds it
  %[1]s trace EPC --up            where it came from
  %[1]s findings list --open      what does not fit
  %[1]s prove event HASH          then: %[1]s roots export roots/, %[1]s verify FILE --roots roots/
`, command)
	return err
}

func writeNext(w io.Writer, command, shipment string) error {
	_, err := fmt.Fprintf(w, "\nTry, in another terminal:\n")
	if err == nil && shipment != "" {
		_, err = fmt.Fprintf(w, `  %[1]s verdicts list --shipment %[2]s
  %[1]s item %[2]s
`, command, shipment)
	}
	if err == nil {
		_, err = fmt.Fprintf(w, `  %[1]s verdicts list --at-least inspect --newest
  %[1]s shipments list
  %[1]s verdicts watch --new          (then capture or push something)
  %[1]s capture --org carrier FILE    your own EPCIS documents
  %[1]s network status
`, command)
	}
	return err
}
