# Net::HTTP of Ruby: 3 s for each read, as it has no total. A session is for one origin.
require "net/http"

def get(session, url) = session.request(Net::HTTP::Get.new(url)).body.to_s

url, pause, following = ARGV.map { |text| URI(text) }
$stdout.binmode
begin
  Net::HTTP.start(url.host, url.port, read_timeout: 3) do |session|
    $stdout.write(get(session, url))
    Net::HTTP.start(pause.host, pause.port, read_timeout: 3) { get(_1, pause) } if pause
    $stdout.write(get(session, following)) if following
  end
rescue StandardError => error
  abort "error: #{error.full_message(highlight: false, order: :top).lines.first}"
end
