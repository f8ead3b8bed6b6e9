package demo

import (
	"fmt"
	"io"

	"github.com/waybill-dev/waybill/analytics/simulate"
)

// WriteNext says what to try while everything is up, with ids that are on the ledger. command is how
// waybill is called here, with its --dir.
func (r *Report) WriteNext(w io.Writer, command string) error {
	shipment := ""
	for _, row := range r.Shipments {
		if shipment == "" || row.Fault != string(simulate.FaultNone) && row.OK {
			shipment = row.Shipment
		}
		if row.Fault != string(simulate.FaultNone) && row.OK {
			break
		}
	}
	return writeNext(w, command, shipment)
}

// WriteNext says what to try while everything is up. command is how waybill is called here, with its --dir.
func (r *InputReport) WriteNext(w io.Writer, command string) error {
	shipment := ""
	if len(r.Readings) > 0 {
		shipment = r.Readings[0].Shipment
	} else if len(r.Verdicts) > 0 {
		shipment = r.Verdicts[0].Shipment
	}
	return writeNext(w, command, shipment)
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
