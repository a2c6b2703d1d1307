"""aiohttp: 3 s in total."""

import asyncio
import sys
import aiohttp


async def main():
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=3)) as session:
        for at, url in enumerate(sys.argv[1:]):
            async with session.get(url) as response:
                content = await response.read()
            if at != 1:
                sys.stdout.buffer.write(content)


try:
    asyncio.run(main())
except Exception as error:
    sys.exit(f"error: {error!r}")
