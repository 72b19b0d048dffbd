# Rack, for puma: GET /KIND/ID makes its calls to /KIND/ID/0, /1, ... with net/http. Environment: as front_flask.py.
require "json"
require "net/http"
require "socket"

BACKENDS = ENV["BACKENDS"].split(",")
DATABASE = ENV["DATABASE"].split(":")
TICK = ENV["TICK"].to_f

# Every thread keeps a connection to each backend.
def call(path, number)
  host, port = BACKENDS[number % BACKENDS.size].split(":")
  kept = (Thread.current[:kept] ||= {})
  link = kept[port] ||= Net::HTTP.new(host, port.to_i).tap { |made| made.max_retries = 0 }
  link.start unless link.started?
  link.get("#{path}/#{number}").code.to_i
rescue StandardError
  kept.delete(port)
  0
end

def query
  link = (Thread.current[:database] ||= TCPSocket.new(DATABASE[0], DATABASE[1].to_i))
  link.write("select\n")
  link.gets
end

KINDS = {
  "one" => ->(path) { [call(path, 0)] },
  "seq" => ->(path) { (0..2).map { |n| call(path, n) } },
  "nap" => lambda { |path|
    sleep 0.003
    first = call(path, 0)
    sleep 0.002
    [first, call(path, 1)]
  },
  "db" => lambda { |path|
    query
    first = call(path, 0)
    query
    [first, call(path, 1)]
  },
  "fan" => ->(path) { (0..2).map { |n| Thread.new { call(path, n) } }.map(&:value) },
}

if TICK.positive?
  Thread.new do
    (0..).each do |n|
      sleep TICK
      call("/tick/#{n}", 0)
    end
  end
end

run lambda { |env|
  path = env["PATH_INFO"]
  body = JSON.generate(KINDS[path.split("/")[1]].call(path))
  [200, { "Content-Type" => "application/json", "Content-Length" => body.bytesize.to_s }, [body]]
}
