package demo

import (
	"fmt"
	"io"

	"github.com/waybill-dev/waybill/analytics/simulate"
)

// WriteNext says what to try while everything is up, with ids that are on the ledger.
func (r *Report) WriteNext(w io.Writer, dir string) error {
	shipment := ""
	for _, row := range r.Shipments {
		if shipment == "" || row.Fault != string(simulate.FaultNone) && row.OK {
			shipment = row.Shipment
		}
		if row.Fault != string(simulate.FaultNone) && row.OK {
			break
		}
	}
	return writeNext(w, dir, shipment)
}

// WriteNext says what to try while everything is up.
func (r *InputReport) WriteNext(w io.Writer, dir string) error {
	shipment := ""
	if len(r.Readings) > 0 {
		shipment = r.Readings[0].Shipment
	} else if len(r.Verdicts) > 0 {
		shipment = r.Verdicts[0].Shipment
	}
	return writeNext(w, dir, shipment)
}

func writeNext(w io.Writer, dir, shipment string) error {
	flag := ""
	if dir != ".waybill" {
		flag = " --dir " + dir
	}
	_, err := fmt.Fprintf(w, "\nTry, in another terminal:\n")
	if err == nil && shipment != "" {
		_, err = fmt.Fprintf(w, `  waybill%[1]s verdicts list --shipment %[2]s
  waybill%[1]s item %[2]s
`, flag, shipment)
	}
	if err == nil {
		_, err = fmt.Fprintf(w, `  waybill%[1]s verdicts list --at-least inspect --newest
  waybill%[1]s shipments list
  waybill%[1]s verdicts watch --new          (then capture or push something)
  waybill%[1]s capture --org carrier FILE    your own EPCIS documents
  waybill%[1]s network status
`, flag)
	}
	return err
}
