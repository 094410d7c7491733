"""Domain XML for tests: all that is supported, the least that is allowed, and small changes to that."""

FULL = """<domain type='kvm' id='7'>
  <name>full guest</name>
  <uuid>6f0a0b8e-3f3c-4c8e-9b57-8d1f5f0e2a11</uuid>
  <title>A title</title>
  <description>Two
lines &amp; more</description>
  <metadata>
    <app:note xmlns:app="urn:example" kind="a"><!-- kept --> text <![CDATA[<raw>]]></app:note>
  </metadata>
  <memory unit='MiB'>256</memory>
  <currentMemory unit='KiB'>131072</currentMemory>
  <memtune>
    <hard_limit unit='KiB'>1048576</hard_limit>
    <soft_limit unit='KiB'>524288</soft_limit>
    <swap_hard_limit unit='KiB'>2097152</swap_hard_limit>
  </memtune>
  <memoryBacking>
    <hugepages>
      <page size='2048' unit='KiB' nodeset='0'/>
    </hugepages>
    <nosharepages/>
    <locked/>
    <source type='memfd'/>
    <access mode='shared'/>
    <allocation mode='immediate' threads='2'/>
    <discard/>
  </memoryBacking>
  <vcpu placement='static' cpuset='0-3,8' current='1'>2</vcpu>
  <vcpus>
    <vcpu id='0' enabled='yes' hotpluggable='no' order='1'/>
    <vcpu id='1' enabled='no' hotpluggable='yes'/>
  </vcpus>
  <cputune>
    <shares>2048</shares>
    <period>100000</period>
    <quota>-1</quota>
    <global_period>100000</global_period>
    <global_quota>200000</global_quota>
    <emulator_period>50000</emulator_period>
    <emulator_quota>25000</emulator_quota>
    <vcpupin vcpu='0' cpuset='0'/>
    <vcpupin vcpu='1' cpuset='1-2'/>
    <emulatorpin cpuset='3'/>
    <emulatorsched scheduler='batch'/>
    <vcpusched vcpus='0-1' scheduler='fifo' priority='1'/>
  </cputune>
  <numatune>
    <memory mode='strict' nodeset='0'/>
    <memnode cellid='0' mode='preferred' nodeset='0-1'/>
  </numatune>
  <resource>
    <partition>/machine/production</partition>
  </resource>
  <sysinfo type='smbios'>
    <bios>
      <entry name='vendor'>A vendor</entry>
    </bios>
    <system>
      <entry name='manufacturer'>A maker</entry>
      <entry name='uuid'>6f0a0b8e-3f3c-4c8e-9b57-8d1f5f0e2a11</entry>
    </system>
    <oemStrings>
      <entry>a string</entry>
    </oemStrings>
  </sysinfo>
  <os>
    <type arch='x86_64' machine='pc'>hvm</type>
    <kernel>/boot/vmlinuz</kernel>
    <initrd>/boot/initrd.img</initrd>
    <cmdline>console=ttyS0 quiet</cmdline>
    <bootmenu enable='no'/>
    <smbios mode='sysinfo'/>
  </os>
  <features>
    <acpi/>
    <apic eoi='off'/>
    <pae/>
    <kvm>
      <hidden state='on'/>
      <hint-dedicated state='off'/>
      <poll-control state='on'/>
      <pv-ipi state='on'/>
    </kvm>
    <pvspinlock state='on'/>
    <pmu state='off'/>
    <vmport state='off'/>
    <smm state='off'/>
    <ioapic driver='kvm'/>
  </features>
  <cpu mode='custom' match='exact' check='partial'>
    <model fallback='forbid' vendor_id='KVMCTL  GOOD'>Skylake-Server</model>
    <vendor>Intel</vendor>
    <topology sockets='1' dies='1' cores='2' threads='1'/>
    <cache level='3' mode='emulate'/>
    <maxphysaddr mode='emulate' bits='42'/>
    <feature policy='disable' name='avx512f'/>
    <feature policy='require' name='invtsc'/>
    <numa>
      <cell id='0' cpus='0' memory='131072' unit='KiB' memAccess='shared' discard='yes'>
        <distances>
          <sibling id='0' value='10'/>
          <sibling id='1' value='21'/>
        </distances>
      </cell>
      <cell id='1' cpus='1' memory='131072' unit='KiB'>
        <distances>
          <sibling id='0' value='21'/>
          <sibling id='1' value='10'/>
        </distances>
      </cell>
    </numa>
  </cpu>
  <clock offset='variable' adjustment='-3600' basis='localtime'>
    <timer name='rtc' present='yes' tickpolicy='catchup' track='wall'/>
    <timer name='pit' tickpolicy='delay'/>
    <timer name='hpet' present='no'/>
    <timer name='kvmclock' present='no'/>
    <timer name='tsc' frequency='2000000000'/>
  </clock>
  <on_poweroff>preserve</on_poweroff>
  <on_reboot>destroy</on_reboot>
  <on_crash>restart</on_crash>
  <pm>
    <suspend-to-mem enabled='no'/>
    <suspend-to-disk enabled='no'/>
  </pm>
  <devices>
    <emulator>/usr/bin/kvmctl-vmm</emulator>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw' cache='none' error_policy='stop' rerror_policy='report' io='native' \
discard='unmap' detect_zeroes='unmap' queues='2'/>
      <source file='/srv/disk.img'/>
      <blockio logical_block_size='512' physical_block_size='4096'/>
      <target dev='vda' bus='virtio'/>
      <iotune>
        <total_bytes_sec>1000000</total_bytes_sec>
        <read_iops_sec>100</read_iops_sec>
        <write_iops_sec>50</write_iops_sec>
        <total_bytes_sec_max>2000000</total_bytes_sec_max>
        <read_iops_sec_max>200</read_iops_sec_max>
        <size_iops_sec>4096</size_iops_sec>
        <group_name>slow</group_name>
        <total_bytes_sec_max_length>5</total_bytes_sec_max_length>
        <read_iops_sec_max_length>6</read_iops_sec_max_length>
      </iotune>
      <shareable/>
      <serial>A1_b.+- 2</serial>
      <boot order='1'/>
      <alias name='virtio-disk0'/>
      <address type='pci' domain='0x0000' bus='0x00' slot='0x04' function='0x0' multifunction='on'/>
    </disk>
    <disk type='block' device='disk'>
      <driver type='qcow2'/>
      <source dev='/dev/sdb'/>
      <target dev='vdb'/>
      <readonly/>
    </disk>
    <disk type='vhostuser' device='disk'>
      <source type='unix' path='/run/blk.sock'/>
      <target dev='vdc' bus='virtio'/>
    </disk>
    <controller type='usb' index='0' model='none'/>
    <controller type='pci' index='0' model='pci-root'>
      <alias name='pci.0'/>
    </controller>
    <controller type='virtio-serial' index='0' ports='31'>
      <alias name='virtio-serial0'/>
      <address type='pci' domain='0x0000' bus='0x00' slot='0x05' function='0x0'/>
    </controller>
    <filesystem type='mount' accessmode='passthrough'>
      <driver type='virtiofs' queue='1024'/>
      <binary path='/usr/lib/qemu/virtiofsd'/>
      <source dir='/srv/share'/>
      <target dir='share'/>
      <alias name='fs0'/>
      <address type='pci' domain='0x0000' bus='0x00' slot='0x06' function='0x0'/>
    </filesystem>
    <interface type='bridge'>
      <mac address='52:54:00:12:34:56'/>
      <source bridge='br0'/>
      <target dev='lan0'/>
      <model type='virtio'/>
      <driver name='vhost' queues='2' rx_queue_size='512' tx_queue_size='256'>
        <host csum='on' gso='off' tso4='on' tso6='off' ecn='on' ufo='off' mrg_rxbuf='on'/>
        <guest csum='off' tso4='on' tso6='off' ecn='on' ufo='off'/>
      </driver>
      <link state='down'/>
      <mtu size='9000'/>
      <boot order='2'/>
      <alias name='net0'/>
      <address type='pci' domain='0x0000' bus='0x00' slot='0x03' function='0x0'/>
    </interface>
    <interface type='ethernet'>
      <target dev='tap5'/>
    </interface>
    <interface type='network'>
      <source network='default' portid='6f0a0b8e-3f3c-4c8e-9b57-8d1f5f0e2a12' bridge='virbr0'/>
      <target dev='vnet3'/>
    </interface>
    <interface type='user'>
      <source dev='eth0'/>
      <backend type='passt' logFile='/var/log/passt.log'/>
    </interface>
    <interface type='vhostuser'>
      <source type='unix' path='/run/net.sock' mode='client'/>
    </interface>
    <serial type='pty'>
      <source path='/dev/pts/3'/>
      <log file='/var/log/guest.log' append='off'/>
      <target type='isa-serial' port='0'>
        <model name='isa-serial'/>
      </target>
      <alias name='serial0'/>
    </serial>
    <serial type='file'>
      <source path='/tmp/out' append='on'/>
      <target port='1'/>
    </serial>
    <console type='pty' tty='/dev/pts/3'>
      <source path='/dev/pts/3'/>
      <target type='serial' port='0'/>
      <alias name='serial0'/>
    </console>
    <console type='pty' tty='/dev/pts/4'>
      <source path='/dev/pts/4'/>
      <target type='virtio' port='1'/>
      <alias name='console1'/>
      <address type='virtio-serial' controller='0' bus='0' port='2'/>
    </console>
    <channel type='unix'>
      <source mode='bind' path='/run/kvmctl/channel/7-full/org.qemu.guest_agent.0'/>
      <target type='virtio' name='org.qemu.guest_agent.0' state='connected'/>
      <alias name='channel0'/>
      <address type='virtio-serial' controller='0' bus='0' port='1'/>
    </channel>
    <channel type='null'>
      <target type='virtio'/>
    </channel>
    <watchdog model='i6300esb' action='reset'>
      <alias name='watchdog0'/>
      <address type='pci' domain='0x0000' bus='0x00' slot='0x07' function='0x0'/>
    </watchdog>
    <memballoon model='virtio' autodeflate='on' freePageReporting='on'>
      <stats period='10'/>
      <alias name='balloon0'/>
      <address type='pci' domain='0x0000' bus='0x00' slot='0x08' function='0x0'/>
    </memballoon>
    <rng model='virtio'>
      <rate bytes='1024' period='2000'/>
      <backend model='random'>/dev/random</backend>
      <alias name='rng0'/>
      <address type='pci' domain='0x0000' bus='0x00' slot='0x09' function='0x0'/>
    </rng>
    <rng model='virtio'>
      <backend model='builtin'/>
    </rng>
    <panic model='isa'>
      <alias name='panic0'/>
      <address type='isa' iobase='0x505'/>
    </panic>
    <vsock model='virtio'>
      <cid auto='yes' address='3'/>
      <alias name='vsock0'/>
      <address type='pci' domain='0x0000' bus='0x00' slot='0x0a' function='0x0'/>
    </vsock>
  </devices>
  <seclabel type='none' model='none'/>
</domain>
"""

SMALL = "<domain type='kvm'><name>g</name><memory>1024</memory><os><type>hvm</type></os></domain>"


def small(more: str = "", *, devices: str = "", os: str = "") -> str:
    """The least domain with more in it."""
    text = SMALL.replace("</os>", f"{os}</os>{more}")
    return text.replace("</domain>", f"<devices>{devices}</devices></domain>") if devices else text
