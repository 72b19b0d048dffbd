// The OTLP receiver of the OpenTelemetry Collector, as released, in a program that does nothing but take spans over
// gRPC and HTTP and write them down: one OTLP JSON object for each request, a line each. For the end-to-end tests.
//
//	otlp-collector CONFIG OUT     CONFIG: a JSON file in the form of the receiver's own configuration
//
// Prints "ready" once it listens; ends with SIGTERM.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "otlp-collector:", err)
		os.Exit(1)
	}
}

// writer makes a consumer of spans that appends them to a file.
func writer(path string) consumer.Traces {
	out, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	check(err)
	var lock sync.Mutex
	marshal := &ptrace.JSONMarshaler{}
	next, err := consumer.NewTraces(func(_ context.Context, traces ptrace.Traces) error {
		line, err := marshal.MarshalTraces(traces)
		if err != nil {
			return err
		}
		lock.Lock()
		defer lock.Unlock()
		_, err = out.Write(append(line, '\n'))
		return err
	})
	check(err)
	return next
}

func main() {
	if len(os.Args) != 3 {
		check(fmt.Errorf("usage: otlp-collector CONFIG OUT"))
	}
	text, err := os.ReadFile(os.Args[1])
	check(err)
	var given map[string]any
	check(json.Unmarshal(text, &given))
	factory := otlpreceiver.NewFactory()
	config := factory.CreateDefaultConfig()
	check(confmap.NewFromStringMap(given).Unmarshal(config))
	settings := receiver.Settings{
		ID:                component.NewID(factory.Type()),
		TelemetrySettings: componenttest.NewNopTelemetrySettings(),
		BuildInfo:         component.NewDefaultBuildInfo(),
	}
	ctx := context.Background()
	taker, err := factory.CreateTraces(ctx, settings, config, writer(os.Args[2]))
	check(err)
	check(taker.Start(ctx, componenttest.NewNopHost()))
	fmt.Println("ready")
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM, syscall.SIGINT)
	<-end
	check(taker.Shutdown(ctx))
}
