# A Ruby server (WEBrick) that knows nothing of tracing: ruby front.rb URL. GET /call/... calls URL with net/http.
require 'net/http'
require 'webrick'

url = ARGV[0]
log = WEBrick::Log.new(nil, WEBrick::BasicLog::FATAL)
server = WEBrick::HTTPServer.new(BindAddress: '127.0.0.1', Port: 0, Logger: log, AccessLog: [])
server.mount_proc '/quick' do |_, response|
  response.body = 'quick'
end
server.mount_proc '/call' do |request, response|
  response.body = Net::HTTP.get(URI(url + request.path_info))
end
trap('TERM') { server.shutdown }
puts "listening on #{server.config[:Port]}"
$stdout.flush
server.start
